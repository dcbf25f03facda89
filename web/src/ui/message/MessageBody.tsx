// The text of a message. A long one is collapsed until the user expands it.
import { type MouseEvent, type ReactNode, useState } from 'react'
import { flushSync } from 'react-dom'
import { useTexts } from '../../texts'
import { collapsedText } from '../collapse'
import { Markdown } from '../markdown/Markdown'
import { isBigEmoji } from './bigEmoji'

/** Expanded messages stay expanded, although scrolling removes and redraws their rows. */
const expandedMessages = new Set<string>()

interface MessageBodyProps {
  /** Identifies the message; the same while it is sent and afterwards. */
  messageKey: string
  text: string
  id?: string
  children?: ReactNode
}

export function MessageBody({ messageKey, text, id, children }: MessageBodyProps) {
  const t = useTexts()
  const [expanded, setExpanded] = useState(expandedMessages.has(messageKey))
  const collapsed = collapsedText(text)
  const toggle = (event: MouseEvent<HTMLElement>) => {
    if (expanded) expandedMessages.delete(messageKey)
    else expandedMessages.add(messageKey)
    flushSync(() => setExpanded(!expanded))
    // Collapsing removes the end of the message, so its beginning is brought into view.
    if (expanded) event.currentTarget.closest('.message')?.scrollIntoView({ block: 'nearest' })
  }
  return (
    <div className="message-body" id={id} data-big={isBigEmoji(text) || undefined}>
      <Markdown text={expanded || collapsed === null ? text : collapsed} />
      {collapsed !== null && (
        <button type="button" className="link-button show-more" aria-expanded={expanded} onClick={toggle}>
          {expanded ? t.showLess : t.showMore}
        </button>
      )}
      {children}
    </div>
  )
}
