// The edge of the list of chats, which is dragged to make the list wider. By keyboard: the arrows,
// Home and End; a double click gives the usual width.
import { type KeyboardEvent, type PointerEvent, useRef } from 'react'
import { useTexts } from '../../texts'
import { listWidth, setListWidth, useListWidth, WIDTH_DEFAULT, WIDTH_MAX, WIDTH_MIN } from './listWidth'

const STEP = 1

export function Splitter() {
  const t = useTexts()
  const width = useListWidth()
  const from = useRef<{ x: number; width: number } | null>(null)
  const onKeyDown = (event: KeyboardEvent) => {
    const to: Record<string, number> = {
      ArrowRight: listWidth() + STEP * direction(),
      ArrowLeft: listWidth() - STEP * direction(),
      Home: WIDTH_MIN,
      End: WIDTH_MAX,
    }
    const next = to[event.key]
    if (next === undefined) return
    event.preventDefault()
    setListWidth(next)
  }
  const onPointerDown = (event: PointerEvent) => {
    event.currentTarget.setPointerCapture(event.pointerId)
    from.current = { x: event.clientX, width: listWidth() }
  }
  const onPointerMove = ({ clientX }: PointerEvent) => {
    if (from.current) setListWidth(from.current.width + ((clientX - from.current.x) / remInPixels()) * direction())
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: an <hr> cannot be dragged by keyboard
    <div
      className="splitter"
      role="separator"
      tabIndex={0}
      aria-orientation="vertical"
      aria-label={t.listWidth}
      aria-valuenow={width}
      aria-valuemin={WIDTH_MIN}
      aria-valuemax={WIDTH_MAX}
      onKeyDown={onKeyDown}
      onDoubleClick={() => setListWidth(WIDTH_DEFAULT)}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onLostPointerCapture={() => {
        from.current = null
      }}
    />
  )
}

function remInPixels(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
}

/** -1 where the window is mirrored. */
function direction(): number {
  return getComputedStyle(document.documentElement).direction === 'rtl' ? -1 : 1
}
