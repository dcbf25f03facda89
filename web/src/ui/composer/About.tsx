// What is written: an edit, or a reply and to what.
import { X } from 'lucide-react'
import type { ConversationKey } from '../../store/conversation'
import { useTexts } from '../../texts'
import { useQuoted } from '../hooks'
import { IconButton } from '../IconButton'
import { previewText } from '../preview'
import { UserName } from '../UserName'

interface AboutProps {
  conversation: ConversationKey
  /** The id of the message that is replied to; null for an edit. */
  replyTo: string | null
  onCancel: () => void
}

export function About({ conversation, replyTo, onCancel }: AboutProps) {
  const t = useTexts()
  return (
    <div className="composer-about">
      <span className="composer-about-text">
        {replyTo === null ? <strong>{t.editing}</strong> : <ReplyTo conversation={conversation} id={replyTo} />}
      </span>
      <IconButton label={t.cancel} className="icon-button-s" onClick={onCancel}>
        <X />
      </IconButton>
    </div>
  )
}

function ReplyTo({ conversation, id }: { conversation: ConversationKey; id: string }) {
  const t = useTexts()
  const quoted = useQuoted(conversation, id)
  const text = quoted
    ? quoted.deleted_at
      ? t.quoteDeleted
      : previewText(quoted.body)
    : quoted === null
      ? t.quoteGone
      : '…'
  return (
    <>
      <strong>
        {t.replyTo} {quoted && <UserName userId={quoted.sender_id} />}
      </strong>{' '}
      <bdi>{text}</bdi>
    </>
  )
}
