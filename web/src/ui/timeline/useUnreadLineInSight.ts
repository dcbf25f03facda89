// Keeps the unread line in view while the timeline follows messages that arrive behind an inactive
// page.
import { type RefObject, useLayoutEffect, useRef } from 'react'
import type { Row } from './kinds'
import type { ScrollAdjuster, TimelineVirtualizer } from './scrollAnchoring'

/** New rows have their measured heights by then. Later, the user may have scrolled. */
const MEASURE_MS = 500

interface Options {
  scroller: RefObject<HTMLDivElement | null>
  rows: Row[]
  pageActive: boolean
  virtualizer: TimelineVirtualizer
  adjuster: ScrollAdjuster
}

/**
 * Whether to follow is decided with estimated heights of the new rows. If they turn out to be
 * higher, the line is above the viewport: scrolls back to it.
 */
export function useUnreadLineInSight({ scroller, rows, pageActive, virtualizer, adjuster }: Options): void {
  const measuredAt = useRef(0)
  // biome-ignore lint/correctness/useExhaustiveDependencies: only new rows begin the time
  useLayoutEffect(() => {
    if (!pageActive) measuredAt.current = performance.now() + MEASURE_MS
  }, [rows])
  // After each render, since measured heights come with one.
  useLayoutEffect(() => {
    if (pageActive || performance.now() > measuredAt.current || !scroller.current) return
    const line = virtualizer.measurementsCache[rows.findIndex(row => row.kind === 'unread')]
    if (!line || line.start >= scroller.current.scrollTop) return
    adjuster.forgetMovement()
    virtualizer.scrollToOffset(line.start)
  })
}
