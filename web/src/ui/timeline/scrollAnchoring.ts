// Scroll positions of the virtual list. It decides nothing about what is drawn.
//
// The invariant: whatever is measured or inserted above the viewport, the rows in it stay where
// they are, to the pixel. e2e/long.mjs checks each frame.
import { observeElementOffset, type VirtualItem, type Virtualizer } from '@tanstack/react-virtual'

export type TimelineVirtualizer = Virtualizer<HTMLDivElement, Element>

/** A distance to the end that counts as being there. */
export const END_PX = 60

export function distanceToEnd(element: HTMLElement): number {
  return element.scrollHeight - element.scrollTop - element.clientHeight
}

export function isAtEnd(element: HTMLElement): boolean {
  return distanceToEnd(element) <= END_PX
}

/**
 * Whether the scroll position is corrected by the change of a row's height, so that the rows below
 * it stay.
 *
 * - A row that was measured before counts if it ends above the viewport.
 * - A row that is measured for the first time (its height was an estimate) counts if it begins above
 *   the viewport, or if a measured row below it is visible. The latter happens when the user scrolls
 *   up faster than rows are drawn ahead.
 *
 * Unlike the list's own rule, this one also applies while the user scrolls up, when a font, a name
 * or highlighted code arrives late.
 */
export function isAboveViewport(item: VirtualItem, _delta: number, list: TimelineVirtualizer): boolean {
  const top = list.scrollOffset ?? 0
  if (list.itemSizeCache.has(item.key)) return item.end <= top
  const bottom = top + (list.scrollRect?.height ?? 0)
  const isMeasuredBelow = (other: VirtualItem) =>
    other.index > item.index && other.start < bottom && list.itemSizeCache.has(other.key)
  return item.start < top || list.getVirtualItems().some(isMeasuredBelow)
}

/**
 * Makes a row that the user expands grow downwards, at the end of the list too, where the list
 * would scroll to its end. Until the list is rendered again.
 */
export function growDownwards(list: TimelineVirtualizer): void {
  list.options.scrollEndThreshold = -1
}

/**
 * Reads and writes the scroll position for the list. The list computes a position from the last one
 * that it was told. If the user has scrolled since, between two frames, that movement is added to
 * the position instead of undone.
 */
export class ScrollAdjuster {
  private last: number | null = null
  /** The lower edge of the viewport, and the height of the viewport at that time. */
  private bottom = 0
  private height: number | null = null

  /** The list's `observeElementOffset`. The list may write a position at once. */
  observe: TimelineVirtualizer['options']['observeElementOffset'] = (list, onOffset) => {
    const element = list.scrollElement
    if (!element) return undefined
    const stop = observeElementOffset(list, (offset, isScrolling) => {
      this.last = offset
      // After a change of the height the edge is not known yet; the observer below sets it in the
      // same frame.
      if (element.clientHeight === this.height) this.bottom = element.scrollTop + element.clientHeight
      onOffset(offset, isScrolling)
    })
    // When the composer grows or a phone's keyboard opens, the lower edge of the viewport stays.
    const resized = new ResizeObserver(() => {
      if (this.height !== null) element.scrollTop = this.bottom - element.clientHeight
      this.height = element.clientHeight
      this.bottom = element.scrollTop + element.clientHeight
    })
    resized.observe(element)
    return () => {
      resized.disconnect()
      this.height = null
      stop?.()
    }
  }

  /**
   * To be called before the list scrolls somewhere else: the movement of the user no longer counts.
   */
  forgetMovement(): void {
    this.last = null
  }

  /** The list's `scrollToFn`. */
  scrollTo = (
    offset: number,
    options: { adjustments?: number; behavior?: ScrollBehavior },
    list: TimelineVirtualizer,
  ): void => {
    const element = list.scrollElement
    if (!element) return
    const before = element.scrollTop
    const moved = this.last === null ? 0 : before - this.last
    element.scrollTo({
      top: offset + (options.adjustments ?? 0) + moved,
      ...(options.behavior ? { behavior: options.behavior } : {}),
    })
    this.last = element.scrollTop - moved
    this.bottom += element.scrollTop - before
  }
}
