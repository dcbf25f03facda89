// Tells screen readers what is said in the chat that is open. The list of messages is silent itself: it grows by scrolling too.
import { useEffect, useRef, useState } from 'react'
import type { ChatItem, Message } from '../api/types'
import { useTexts } from '../texts'
import { Name } from './bits'
import { useMe, useView } from './hooks'
import { plain } from './plain'

/** After a while away nobody wants to hear it all. */
const SAID_MAX = 3
const TEXT_MAX = 300

export function Herald({ item }: { item: ChatItem }) {
  const t = useTexts()
  const me = useMe()
  const { chat, last_message } = item
  const window = useView(view => view.windows.get(chat.id))
  const told = useRef(chat.last_seq)
  const [said, setSaid] = useState<Message[]>([])
  useEffect(() => {
    // Whoever reads far above has only the last one on hand.
    const here = window && !window.after ? window.items : last_message ? [last_message] : []
    const news = here.filter(message => message.seq > told.current)
    if (news.length === 0) return
    told.current = news.at(-1)?.seq ?? told.current
    const others = news.filter(message => message.sender_id !== me.id && !message.deleted_at)
    if (others.length > 0) setSaid(now => [...now, ...others].slice(-SAID_MAX))
  }, [window, last_message, me.id])
  return (
    <div className="visually-hidden" role="status" aria-label={t.newsRegion} aria-atomic="false">
      {said.map(message => (
        <p key={message.id}>
          <Name userId={message.sender_id} />: {plain(message.body).slice(0, TEXT_MAX)}
        </p>
      ))}
    </div>
  )
}
