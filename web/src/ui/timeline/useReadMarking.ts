// Marks messages as read: down to the lowest one that is fully visible while the page is active.
import type { VirtualItem } from '@tanstack/react-virtual'
import { type RefObject, useCallback, useEffect, useState } from 'react'
import { messageOf, type Row } from './kinds'
import { isAtEnd, type TimelineVirtualizer } from './scrollAnchoring'
import type { Reading } from './useReading'

interface Options {
  markRead: Reading['markRead']
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
  const { markRead, scroller, items, rows, hasNewer, pageActive, positioned, virtualizer } = options
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
    if (lowest) markRead(lowest)
  }, [scroller, virtualizer, rows, hasNewer, pageActive, positioned, markRead])
  // biome-ignore lint/correctness/useExhaustiveDependencies: also when other rows are drawn
  useEffect(onPositionChange, [onPositionChange, items])
  return { atEnd, onPositionChange }
}
