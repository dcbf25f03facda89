// Keeps the end of the timeline in view while the user is there.
import { type RefObject, useLayoutEffect, useRef } from 'react'
import type { Row } from './kinds'
import { END_PX, type ScrollAdjuster, type TimelineVirtualizer } from './scrollAnchoring'

/** More is a movement of the user. */
const RESTS_PX = 2

interface Options {
  rows: Row[]
  enabled: boolean
  virtualizer: TimelineVirtualizer
  adjuster: ScrollAdjuster
}

/**
 * The virtual list follows rows that are appended, and one row that grows. A message that is inserted
 * above unsent ones is not appended, but moves the end too; so do all rows at once when the size of
 * the text or the density changes. The caller sets the ref that is returned to the distance from the
 * end, on each scroll.
 */
export function useFollowEnd({ rows, enabled, virtualizer, adjuster }: Options): RefObject<number> {
  const distance = useRef(Number.POSITIVE_INFINITY)
  const follow = (from: number) => {
    if (!enabled || distance.current > from) return
    adjuster.forgetMovement()
    virtualizer.scrollToEnd()
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: only new rows can move the end
  useLayoutEffect(() => follow(END_PX), [rows])
  // biome-ignore lint/correctness/useExhaustiveDependencies: the heights of rows, new or not
  useLayoutEffect(() => follow(RESTS_PX), [virtualizer.getTotalSize()])
  return distance
}
