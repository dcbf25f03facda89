// Marks messages as read: down to the lowest one that is fully visible while the page is active.
import type { VirtualItem } from '@tanstack/react-virtual'
import { type RefObject, useCallback, useEffect, useState } from 'react'
import { useStore } from '../hooks'
import { messageOf, type Row } from './kinds'
import { isAtEnd, type TimelineVirtualizer } from './scrollAnchoring'

interface Options {
  chatId: string
  scroller: RefObject<HTMLDivElement | null>
  items: VirtualItem[]
  rows: Row[]
  hasNewer: boolean
  pageActive: boolean
  positioned: boolean
  virtualizer: TimelineVirtualizer
}

/** Whether the end is in view, and what to call on each scroll. */
export function useReadMarking(options: Options): { atEnd: boolean; onPositionChange: () => void } {
  const { chatId, scroller, items, rows, hasNewer, pageActive, positioned, virtualizer } = options
  const store = useStore()
  const [atEnd, setAtEnd] = useState(true)
  const onPositionChange = useCallback(() => {
    const element = scroller.current
    if (!element) return
    const bottom = element.scrollTop + element.clientHeight
    const isEnd = isAtEnd(element)
    setAtEnd(isEnd)
    if (!pageActive || !positioned) return
    const isVisible = ({ index, end }: VirtualItem) =>
      messageOf(rows[index]) !== undefined && ((isEnd && !hasNewer) || end <= bottom)
    const lowest = messageOf(rows[virtualizer.getVirtualItems().findLast(isVisible)?.index ?? -1])
    if (lowest) store.readPositions.markRead(chatId, lowest.seq)
  }, [scroller, virtualizer, rows, hasNewer, pageActive, positioned, store, chatId])
  // biome-ignore lint/correctness/useExhaustiveDependencies: also when other rows are drawn
  useEffect(onPositionChange, [onPositionChange, items])
  return { atEnd, onPositionChange }
}
