// An unsent message in the timeline: it waits, or the server refused it.
import { CircleAlert, Clock } from 'lucide-react'
import { useEffect, useState } from 'react'
import { conversationOf } from '../../store/conversation'
import type { Outgoing } from '../../store/slices/outbox'
import { useTexts } from '../../texts'
import { Avatar } from '../Avatar'
import { clock } from '../dates'
import { refusalSentence } from '../errors'
import { useMe, useStore } from '../hooks'
import { MessageBody } from './MessageBody'
import { Quote } from './Quote'

interface OutgoingRowProps {
  entry: Outgoing
  head: boolean
  onEdit: (entry: Outgoing) => void
}

export function OutgoingRow({ entry, head, onEdit }: OutgoingRowProps) {
  const t = useTexts()
  const me = useMe()
  const store = useStore()
  return (
    <article
      className="message"
      aria-label={me.fullname}
      data-head={head || undefined}
      data-state={entry.refused ? 'refused' : entry.sent ? 'sent' : 'waiting'}
    >
      <div className="message-side">{head ? <Avatar userId={me.id} size="l" /> : <WaitingMark entry={entry} />}</div>
      <div className="message-main">
        {entry.reply_to && <Quote conversation={conversationOf(entry)} id={entry.reply_to} />}
        {head && (
          <header className="message-head">
            <bdi className="message-sender">{me.fullname}</bdi>
            <SendStatus entry={entry} />
          </header>
        )}
        <MessageBody messageKey={entry.client_id} text={entry.body} />
        {entry.refused && (
          <div className="refused" role="alert">
            <CircleAlert aria-hidden="true" />
            <span>{t.notSent(refusalSentence(entry.refused))}</span>
            <button type="button" className="link-button" onClick={() => store.outbox.retry(entry)}>
              {t.retry}
            </button>
            <button type="button" className="link-button" onClick={() => onEdit(entry)}>
              {t.edit}
            </button>
            <button type="button" className="link-button" onClick={() => store.outbox.discard(entry.client_id)}>
              {t.discard}
            </button>
          </div>
        )}
      </div>
    </article>
  )
}

/** A message that is unsent for longer shows that it waits. */
const LATE_MS = 1500

/** The time; after a while in which the message is not sent, that it waits. */
function SendStatus({ entry }: { entry: Outgoing }) {
  const t = useTexts()
  if (!useIsLate(entry)) return <time>{clock(new Date(entry.written_at).toISOString())}</time>
  return (
    <span className="waiting">
      <Clock aria-hidden="true" /> {t.waiting}
    </span>
  )
}

/** The same beside a message without a header. */
function WaitingMark({ entry }: { entry: Outgoing }) {
  const t = useTexts()
  if (!useIsLate(entry)) return null
  return (
    <span className="waiting" title={t.waiting}>
      <Clock aria-hidden="true" />
      <span className="visually-hidden">{t.waiting}</span>
    </span>
  )
}

function useIsLate({ written_at, refused, sent }: Outgoing): boolean {
  const [late, setLate] = useState(Date.now() - written_at > LATE_MS)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LATE_MS)
    return () => clearTimeout(timer)
  }, [])
  return late && !refused && !sent
}
