// A message outside of its chat: who wrote it, when and what, as a link to its place there.
import type { ReactNode } from 'react'
import type { Message } from '../api/types'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { shortDate } from './dates'
import { Link } from './Link'
import { previewText } from './preview'
import { addressOf, chatPath, openChat } from './route'
import { UserName } from './UserName'

interface MessageCardProps {
  message: Message
  /** A line above it: where it is, or who pinned it. */
  about: ReactNode
  /** Whether going there closes the panel that it lies in. */
  closes?: boolean
  /** What can be done to it. */
  children: ReactNode
}

export function MessageCard({ message, about, closes = false, children }: MessageCardProps) {
  const t = useTexts()
  const to = addressOf(message)
  return (
    <li className="card">
      <p className="card-about">{about}</p>
      <div className="card-row">
        <Link className="card-link" to={chatPath(to)} onFollow={() => openChat(closes ? { panel: null, ...to } : to)}>
          <Avatar userId={message.sender_id} size="m" />
          <span className="card-main">
            <span className="card-head">
              <strong>
                <UserName userId={message.sender_id} />
              </strong>
              <time dateTime={message.created_at}>{shortDate(message.created_at)}</time>
            </span>
            <span className="card-text" dir="auto">
              {previewText(message.body)}
              {message.edited_at && <span className="card-about"> ({t.edited})</span>}
            </span>
          </span>
        </Link>
        {children}
      </div>
    </li>
  )
}
