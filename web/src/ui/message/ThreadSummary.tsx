// What the main line shows of a thread: under its root how many replies there are, and over a reply that
// was sent to the chat as well where it belongs.
import { MessagesSquare } from 'lucide-react'
import type { Message } from '../../api/types'
import { conversationKey } from '../../store/conversation'
import { useTexts } from '../../texts'
import { Avatar } from '../Avatar'
import { fullDate, when } from '../dates'
import { useQuoted, useView } from '../hooks'
import { previewText } from '../preview'
import { openPanel } from '../route'

/** So many people are drawn. */
const SHOWN = 3

export function ThreadSummary({ message }: { message: Message }) {
  const t = useTexts()
  const followed = useView(view => view.data?.threads.get(message.id))
  const { thread } = message
  if (!thread || thread.last_no === 0) return null
  const unread = followed?.unread_count ?? 0
  return (
    <button
      type="button"
      className="thread-summary"
      data-panel="thread"
      data-unread={unread > 0 || undefined}
      onClick={() => openPanel({ kind: 'thread', argument: message.id })}
    >
      <span className="thread-people" aria-hidden="true">
        {thread.participants.slice(0, SHOWN).map(id => (
          <Avatar key={id} userId={id} size="s" />
        ))}
      </span>
      <span className="thread-count">{t.replies(thread.reply_count)}</span>
      {unread > 0 && <span className="thread-new">{t.newReplies(unread)}</span>}
      <time className="thread-last" dateTime={thread.last_reply_at} title={fullDate(thread.last_reply_at)}>
        {t.lastReply(when(thread.last_reply_at))}
      </time>
    </button>
  )
}

export function BothPlaces({ message, inThread }: { message: Message; inThread: boolean }) {
  const t = useTexts()
  const rootId = message.root_id ?? null
  const root = useQuoted(conversationKey(message.chat_id), inThread ? null : rootId)
  if (inThread) return <p className="both-places">{t.alsoInChat}</p>
  const argument = `${rootId}/${message.thread_no}`
  return (
    <button
      type="button"
      className="both-places"
      data-panel="thread"
      onClick={() => openPanel({ kind: 'thread', argument })}
    >
      <MessagesSquare aria-hidden="true" />
      {t.inThreadAbout}{' '}
      <span className="quote-text" dir="auto">
        {root ? (root.deleted_at ? t.quoteDeleted : previewText(root.body)) : '…'}
      </span>
    </button>
  )
}
