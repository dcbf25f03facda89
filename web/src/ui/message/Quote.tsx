// The message that another one replies to, as a link to it.
import { CornerUpLeft } from 'lucide-react'
import type { ConversationKey } from '../../store/conversation'
import { useTexts } from '../../texts'
import { useQuoted } from '../hooks'
import { previewText } from '../preview'
import { addressOf, chatPath, openChat } from '../route'
import { UserName } from '../UserName'

export function Quote({ conversation, id }: { conversation: ConversationKey; id: string }) {
  const t = useTexts()
  const message = useQuoted(conversation, id)
  const to = message ? addressOf(message) : undefined
  return (
    <a
      className="quote"
      href={to && chatPath(to)}
      onClick={event => {
        event.preventDefault()
        if (to) openChat(to)
      }}
    >
      <CornerUpLeft aria-hidden="true" />
      <span className="visually-hidden">{t.inReplyTo} </span>
      {message ? (
        <>
          <strong>
            <UserName userId={message.sender_id} />
          </strong>
          <span className="quote-text" dir="auto">
            {message.deleted_at ? t.quoteDeleted : previewText(message.body)}
          </span>
        </>
      ) : (
        <span className="quote-text">{message === null ? t.quoteGone : '…'}</span>
      )}
    </a>
  )
}
