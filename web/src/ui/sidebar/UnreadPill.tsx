// Says that there are unread chats above or below what is seen of the list, and leads to them.
import { ArrowDown, ArrowUp } from 'lucide-react'
import { type RefObject, useEffect, useState } from 'react'
import { useTexts } from '../../texts'

interface PillsProps {
  scroller: RefObject<HTMLElement | null>
  /** Changes when the rows may have changed. */
  rows: unknown
}

const NONE = { above: 0, below: 0 }

export function UnreadPills({ scroller, rows }: PillsProps) {
  const t = useTexts()
  const hidden = useHiddenUnread(scroller, rows)
  const show = (where: 'above' | 'below') => {
    const { above, below } = hiddenRows(scroller.current)
    const next = where === 'above' ? above.at(-1) : below[0]
    next?.scrollIntoView({ block: 'center' })
    next?.focus({ preventScroll: true })
  }
  return (
    <>
      {hidden.above > 0 && (
        <button type="button" className="unread-pill" data-where="above" onClick={() => show('above')}>
          {t.unreadAbove(hidden.above)} <ArrowUp aria-hidden="true" />
        </button>
      )}
      {hidden.below > 0 && (
        <button type="button" className="unread-pill" data-where="below" onClick={() => show('below')}>
          {t.unreadBelow(hidden.below)} <ArrowDown aria-hidden="true" />
        </button>
      )}
    </>
  )
}

/** How many unread rows are above and below what is seen of the list. */
function useHiddenUnread(scroller: RefObject<HTMLElement | null>, rows: unknown) {
  const [hidden, setHidden] = useState(NONE)
  // biome-ignore lint/correctness/useExhaustiveDependencies: counted again when the rows change
  useEffect(() => {
    const element = scroller.current
    if (!element) return
    let frame = 0
    const count = () => {
      const { above, below } = hiddenRows(element)
      setHidden(now =>
        now.above === above.length && now.below === below.length ? now : { above: above.length, below: below.length },
      )
    }
    const later = () => {
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(count)
    }
    later()
    element.addEventListener('scroll', later, { passive: true })
    const sizes = new ResizeObserver(later)
    sizes.observe(element)
    return () => {
      cancelAnimationFrame(frame)
      element.removeEventListener('scroll', later)
      sizes.disconnect()
    }
  }, [scroller, rows])
  return hidden
}

function hiddenRows(element: HTMLElement | null) {
  const all = [...(element?.querySelectorAll<HTMLElement>('.entry[data-unread]:not([data-seen])') ?? [])]
  const { top, bottom } = element?.getBoundingClientRect() ?? { top: 0, bottom: 0 }
  const middle = (row: HTMLElement) => {
    const box = row.getBoundingClientRect()
    return (box.top + box.bottom) / 2
  }
  return { above: all.filter(row => middle(row) < top), below: all.filter(row => middle(row) > bottom) }
}
