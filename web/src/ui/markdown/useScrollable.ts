// Whether an element has more content than room beside it. Such a one must be reachable by keyboard;
// others are no stop for Tab.
import { type RefObject, useLayoutEffect, useRef, useState } from 'react'

export function useScrollable<E extends HTMLElement>(): [RefObject<E | null>, boolean] {
  const ref = useRef<E>(null)
  const [scrollable, setScrollable] = useState(false)
  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    const update = () => setScrollable(element.scrollWidth > element.clientWidth)
    update()
    const observer = new ResizeObserver(update)
    observer.observe(element)
    if (element.firstElementChild) observer.observe(element.firstElementChild)
    return () => observer.disconnect()
  }, [])
  return [ref, scrollable]
}
