// Moves the focus to the scroller when the focused row is no longer drawn. Arrow keys then continue
// from what is visible.
import { type RefObject, useLayoutEffect, useRef } from 'react'

/** The handlers tell whether the focus is inside of the scroller. */
export function useFocusKeeping(scroller: RefObject<HTMLDivElement | null>) {
  const focused = useRef(false)
  useLayoutEffect(() => {
    if (focused.current && document.activeElement === document.body) scroller.current?.focus({ preventScroll: true })
  })
  return {
    onFocus: () => {
      focused.current = true
    },
    onBlur: () => {
      focused.current = false
    },
  }
}
