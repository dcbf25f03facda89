// The virtual list of a timeline: which rows are drawn, and where.
import { useVirtualizer } from '@tanstack/react-virtual'
import { type RefObject, useRef, useState } from 'react'
import { estimateHeight, type Row } from './kinds'
import { END_PX, isAboveViewport, ScrollAdjuster, type TimelineVirtualizer } from './scrollAnchoring'
import { isLineInSight } from './unreadLine'

interface Options {
  scroller: RefObject<HTMLDivElement | null>
  rows: Row[]
  hasNewer: boolean
  pageActive: boolean
}

/** `follows`: whether the list scrolls to its end when rows are appended there. */
export function useTimelineVirtualizer({ scroller, rows, hasNewer, pageActive }: Options) {
  const [adjuster] = useState(() => new ScrollAdjuster())
  const latest = useRef<TimelineVirtualizer | null>(null)
  const heightOf = (row: Row) => latest.current?.itemSizeCache.get(row.key) ?? estimateHeight(row)
  const availableHeight = (latest.current?.scrollRect?.height ?? 0) - END_PX
  // While the page is not active, it follows only as long as the unread line stays in sight.
  const follows = !hasNewer && (pageActive || isLineInSight(rows, heightOf, availableHeight))
  const virtualizer: TimelineVirtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: index => estimateHeight(rows[index]),
    getItemKey: index => rows[index]?.key ?? index,
    overscan: 12,
    anchorTo: 'end',
    followOnAppend: follows,
    scrollEndThreshold: END_PX,
    observeElementOffset: adjuster.observe,
    scrollToFn: adjuster.scrollTo,
  })
  latest.current = virtualizer
  virtualizer.shouldAdjustScrollPositionOnItemSizeChange = isAboveViewport
  return { virtualizer, adjuster, follows }
}
