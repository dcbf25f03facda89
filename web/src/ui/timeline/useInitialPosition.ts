// Scrolls to where a timeline opens: to the message of the link, else to the first unread message,
// else to the end. Once for each `place`.
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { Message } from '../../api/types'
import { messageOf, type Row } from './kinds'
import type { ScrollAdjuster, TimelineVirtualizer } from './scrollAnchoring'

/** So long rows are measured after the first scroll, a few frames. */
const MEASURE_MS = 150

interface Options {
  numberOf: (message: Message) => number
  /** Called where the message of the link is not there. */
  forgetSeq: () => void
  place: string
  loaded: boolean
  seq: number | undefined
  rows: Row[]
  hasUnread: boolean
  hasNewer: boolean
  virtualizer: TimelineVirtualizer
  adjuster: ScrollAdjuster
  showLatest: () => void
}

/**
 * Whether the timeline has reached its position. Until then, nothing may be added above the rows.
 */
export function useInitialPosition(options: Options): boolean {
  const { numberOf, forgetSeq, place, loaded, seq, rows, hasNewer, virtualizer, adjuster, showLatest } = options
  const hasUnread = useRef(false)
  hasUnread.current = options.hasUnread
  const scrolledFor = useRef<string | null>(null)
  const [positionedFor, setPositionedFor] = useState<string | null>(null)
  useLayoutEffect(() => {
    if (scrolledFor.current === place) return
    adjuster.forgetMovement()
    if (seq !== undefined) {
      const index = rows.findIndex(row => {
        const message = messageOf(row)
        return message !== undefined && numberOf(message) === seq
      })
      if (index < 0) {
        // There is no such message: the timeline opens without it.
        if (loaded) forgetSeq()
        return
      }
      virtualizer.scrollToIndex(index, { align: 'center' })
    } else {
      const unread = hasUnread.current ? rows.findIndex(row => row.kind === 'unread') : -1
      if (unread >= 0) virtualizer.scrollToIndex(Math.max(0, unread - 1), { align: 'start' })
      else virtualizer.scrollToIndex(rows.length - 1, { align: 'end' })
      if (unread < 0 && hasNewer) showLatest()
    }
    scrolledFor.current = place
  }, [place, loaded, seq, rows, hasNewer, virtualizer, adjuster, numberOf, forgetSeq, showLatest])
  useEffect(() => {
    const timer = setTimeout(() => setPositionedFor(place), MEASURE_MS)
    return () => clearTimeout(timer)
  }, [place])
  return positionedFor === place
}
