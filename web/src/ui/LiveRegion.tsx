// Announces new messages of the open conversation to screen readers. The list of messages does not announce
// anything itself, because scrolling adds rows to it too. Own and deleted messages are not
// announced.
import { useEffect, useRef, useState } from 'react'
import type { ChatItem, Message } from '../api/types'
import type { ConversationKey } from '../store/conversation'
import { useTexts } from '../texts'
import { useMe, useView } from './hooks'
import { SystemText } from './message/SystemText'
import { previewText } from './preview'
import { UserName } from './UserName'

/** At most this many messages are announced: after an absence the older ones are skipped. */
const ANNOUNCED_MAX = 3
const TEXT_MAX = 300

export function LiveRegion({ conversation, item }: { conversation: ConversationKey; item: ChatItem }) {
  const t = useTexts()
  const me = useMe()
  const { chat, last_message } = item
  const window = useView(view => view.windows.get(conversation))
  const announcedSeq = useRef(chat.last_seq)
  const [announced, setAnnounced] = useState<Message[]>([])
  useEffect(() => {
    // A window that does not reach the end lacks the newest messages: only the last one is known.
    const known = window && !window.after ? window.items : last_message ? [last_message] : []
    const fresh = known.filter(message => message.seq > announcedSeq.current)
    if (fresh.length === 0) return
    announcedSeq.current = fresh.at(-1)?.seq ?? announcedSeq.current
    const others = fresh.filter(message => message.sender_id !== me.id && !message.deleted_at)
    if (others.length > 0) setAnnounced(now => [...now, ...others].slice(-ANNOUNCED_MAX))
  }, [window, last_message, me.id])
  return (
    <div className="visually-hidden" role="status" aria-label={t.newsRegion} aria-atomic="false">
      {announced.map(message => (
        <p key={message.id}>
          {message.kind === 'system' ? (
            <SystemText messages={[message]} />
          ) : (
            <>
              <UserName userId={message.sender_id} />: {previewText(message.body).slice(0, TEXT_MAX)}
            </>
          )}
        </p>
      ))}
    </div>
  )
}
