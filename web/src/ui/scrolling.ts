// What the virtual list does to the scroller, made exact: whatever is measured or put in above the eye, what one reads stays where it is.
import { observeElementOffset, type VirtualItem, type Virtualizer } from '@tanstack/react-virtual'

type List = Virtualizer<HTMLDivElement, Element>

/**
 * Whether what a row gains or loses in height is taken out of the position, so that what is below it stays. One that changes counts if
 * all of it is above the eye. One that is measured for the first time was a guess: it counts if it begins above, and also if it came
 * into sight above a row that was there before, as when one scrolls up faster than rows are drawn ahead. Unlike the list's own rule
 * this holds while one scrolls up too, when a font, a name or coloured code comes late.
 */
export function isAboveTheEye(item: VirtualItem, _delta: number, list: List): boolean {
  const eye = list.scrollOffset ?? 0
  if (list.itemSizeCache.has(item.key)) return item.end <= eye
  const bottom = eye + (list.scrollRect?.height ?? 0)
  const isKnownBelow = (other: VirtualItem) =>
    other.index > item.index && other.start < bottom && list.itemSizeCache.has(other.key)
  return item.start < eye || list.getVirtualItems().some(isKnownBelow)
}

/** What grows because somebody wants to see it grows downwards, at the end too, where the list would follow. Until it is drawn anew. */
export function growDownwards(list: List): void {
  list.options.scrollEndThreshold = -1
}

/**
 * The list writes positions that it works out from the last one that it was told of. Where the reader has moved on since, by a wheel or a
 * key between two frames, that movement is added and not undone.
 */
export class KeptMovement {
  private last: number | null = null
  /** The lower edge of what is in sight, and the height that it goes with. */
  private bottom = 0
  private height: number | null = null

  /** For the list, which hears of the position from here; it may write at once. */
  observe: List['options']['observeElementOffset'] = (list, hear) => {
    const element = list.scrollElement
    if (!element) return undefined
    const stop = observeElementOffset(list, (position, isScrolling) => {
      this.last = position
      // Of another height it says nothing yet: that is seen to below, in the same frame.
      if (element.clientHeight === this.height) this.bottom = element.scrollTop + element.clientHeight
      hear(position, isScrolling)
    })
    // The box below grows with what is written, and a phone's keys come up: what was last in sight stays so.
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

  /** The list is being sent somewhere: where it was does not matter. */
  forget(): void {
    this.last = null
  }

  write = (offset: number, options: { adjustments?: number; behavior?: ScrollBehavior }, list: List): void => {
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
