// Keeps the end of the timeline in view while the user is there.
import { type RefObject, useLayoutEffect, useRef } from 'react'
import type { Row } from './kinds'
import type { ScrollAdjuster, TimelineVirtualizer } from './scrollAnchoring'

interface Options {
  rows: Row[]
  enabled: boolean
  virtualizer: TimelineVirtualizer
  adjuster: ScrollAdjuster
}

/**
 * The virtual list follows rows that are appended. A message that is inserted above unsent ones is
 * not appended, but moves the end too. The caller sets the ref that is returned, on each scroll.
 */
export function useFollowEnd({ rows, enabled, virtualizer, adjuster }: Options): RefObject<boolean> {
  const restsAtEnd = useRef(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: only new rows can move the end
  useLayoutEffect(() => {
    if (!enabled || !restsAtEnd.current) return
    adjuster.forgetMovement()
    virtualizer.scrollToEnd()
  }, [rows])
  return restsAtEnd
}
