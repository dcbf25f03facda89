// What a message says: all of it, or of a long one the beginning.
import { type MouseEvent, type ReactNode, useState } from 'react'
import { flushSync } from 'react-dom'
import { useTexts } from '../texts'
import { beginningOf } from './long'
import { Markdown } from './Markdown'

/** What was unfolded stays so, though its row comes and goes as one scrolls. */
const unfolded = new Set<string>()

interface MessageBodyProps {
  /** The same from its way out on. */
  name: string
  text: string
  id?: string
  children?: ReactNode
}

export function MessageBody({ name, text, id, children }: MessageBodyProps) {
  const t = useTexts()
  const [whole, setWhole] = useState(unfolded.has(name))
  const beginning = beginningOf(text)
  const turn = (event: MouseEvent<HTMLElement>) => {
    if (whole) unfolded.delete(name)
    else unfolded.add(name)
    flushSync(() => setWhole(!whole))
    // Of what was folded up again one sees the beginning.
    if (whole) event.currentTarget.closest('.message')?.scrollIntoView({ block: 'nearest' })
  }
  return (
    <div className="message-body" id={id}>
      <Markdown text={whole || beginning === null ? text : beginning} />
      {beginning !== null && (
        <button type="button" className="link-button unfold" aria-expanded={whole} onClick={turn}>
          {whole ? t.showLess : t.showMore}
        </button>
      )}
      {children}
    </div>
  )
}
