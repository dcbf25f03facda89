// The buttons that format what is written. One stop for Tab; arrow keys lead from button to button.
import { type KeyboardEvent, memo } from 'react'
import { useTexts } from '../../texts'
import { MAC } from '../hooks'
import { IconButton } from '../IconButton'
import { FORMATS, type Format } from './formats'

/** The composer is drawn with each key; this is not. */
export const FormatBar = memo(function FormatBar({ onFormat }: { onFormat: (format: Format) => void }) {
  const t = useTexts()
  const caps: Record<string, string> = t.keyCaps
  const keysOf = ({ key, shift }: Format) => {
    const names = [MAC ? '⌘' : 'Ctrl', ...(shift ? ['Shift'] : []), key.replace('Digit', '').toUpperCase()]
    return names.map(name => caps[name] ?? name).join('+')
  }
  return (
    <div className="format-bar" role="toolbar" aria-label={t.formatting} onKeyDown={onArrows}>
      {FORMATS.map((format, index) => (
        <IconButton
          key={format.name}
          label={t.formats[format.name]}
          title={`${t.formats[format.name]} (${keysOf(format)})`}
          className="icon-button-s"
          tabIndex={index === 0 ? 0 : -1}
          // The box keeps the focus and what is selected.
          onMouseDown={event => event.preventDefault()}
          onClick={() => onFormat(format)}
        >
          <format.Icon />
        </IconButton>
      ))}
    </div>
  )
})

function onArrows(event: KeyboardEvent<HTMLElement>): void {
  const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
  if (by === 0) return
  const buttons = [...event.currentTarget.querySelectorAll('button')]
  const at = buttons.indexOf(document.activeElement as HTMLButtonElement)
  buttons[(at + by + buttons.length) % buttons.length]?.focus()
  event.preventDefault()
}
