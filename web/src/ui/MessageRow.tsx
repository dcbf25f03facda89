// A message in the timeline with its actions, and an unsent one.
import { CircleAlert, Clock, Copy, CornerUpLeft, Ellipsis, Link2, Pencil, Reply, Trash2 } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { type KeyboardEvent, memo, useEffect, useId, useRef, useState } from 'react'
import type { Message } from '../api/types'
import { type ConversationKey, conversationOf } from '../store/conversation'
import type { Outgoing } from '../store/slices/outbox'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { copyText } from './CopyNotice'
import { ConfirmDialog } from './Dialog'
import { clock, fullDate } from './dates'
import { refusalSentence } from './errors'
import { useMe, useQuoted, useStore } from './hooks'
import { IconButton } from './IconButton'
import { MenuContent } from './Menu'
import { MessageBody } from './MessageBody'
import { previewText } from './preview'
import { chatPath, openChat } from './route'
import { MessageUserItem, UserMenu } from './UserMenu'
import { UserName } from './UserName'

interface MessageRowProps {
  message: Message
  head: boolean
  marked: boolean
  mayDeleteAny: boolean
  onReply: (message: Message) => void
  onEdit: (message: Message) => void
}

export const MessageRow = memo(function MessageRow({
  message,
  head,
  marked,
  mayDeleteAny,
  onReply,
  onEdit,
}: MessageRowProps) {
  const t = useTexts()
  const me = useMe()
  const mine = message.sender_id === me.id
  const deleted = Boolean(message.deleted_at)
  const mayDelete = mine || mayDeleteAny
  const store = useStore()
  const [asking, setAsking] = useState(false)
  const id = useId()
  // A message has shortcuts only if it was focused by keyboard: after a click, typing goes to the
  // composer.
  const focusedByKeyboard = useRef(false)
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (
      deleted ||
      !focusedByKeyboard.current ||
      event.target !== event.currentTarget ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey
    )
      return
    if (event.key === 'r') onReply(message)
    else if (event.key === 'e' && mine) onEdit(message)
    else if (event.key === 'l') copyLink(message)
    else if ((event.key === 'Delete' || event.key === 'Backspace') && mayDelete) setAsking(true)
    else return
    event.preventDefault()
  }
  return (
    <article
      className="message"
      // A screen reader reads sender and time, then the text.
      aria-labelledby={`${id}-who ${id}-when`}
      aria-describedby={`${id}-what`}
      data-head={head || undefined}
      data-marked={marked || undefined}
      tabIndex={-1}
      onFocus={event => {
        focusedByKeyboard.current = event.currentTarget.matches(':focus-visible')
      }}
      onKeyDown={onKeyDown}
    >
      <div className="message-side">
        {head ? (
          <UserMenu userId={message.sender_id} tabStop={false} hidden>
            <Avatar userId={message.sender_id} size="l" />
          </UserMenu>
        ) : (
          <time
            id={`${id}-when`}
            className="message-side-time"
            dateTime={message.created_at}
            title={fullDate(message.created_at)}
          >
            {clock(message.created_at)}
          </time>
        )}
      </div>
      <div className="message-main">
        {!head && (
          <span id={`${id}-who`} className="visually-hidden">
            <UserName userId={message.sender_id} />
          </span>
        )}
        {message.reply_to && <Quote conversation={conversationOf(message)} id={message.reply_to} />}
        {head && (
          <header className="message-head">
            <span id={`${id}-who`}>
              <UserMenu userId={message.sender_id} className="message-sender" tabStop={false}>
                <UserName userId={message.sender_id} />
              </UserMenu>
            </span>
            <time id={`${id}-when`} dateTime={message.created_at} title={fullDate(message.created_at)}>
              {clock(message.created_at)}
            </time>
          </header>
        )}
        {deleted ? (
          <p id={`${id}-what`} className="tombstone">
            {t.deleted}
          </p>
        ) : (
          <MessageBody messageKey={message.client_id ?? message.id} text={message.body} id={`${id}-what`}>
            {message.edited_at && (
              <span className="edited" title={fullDate(message.edited_at)}>
                {t.edited}
              </span>
            )}
          </MessageBody>
        )}
      </div>
      {!deleted && (
        <MessageActions
          message={message}
          mine={mine}
          mayDelete={mayDelete}
          onDelete={() => setAsking(true)}
          onReply={onReply}
          onEdit={onEdit}
        />
      )}
      {asking && (
        <ConfirmDialog
          title={t.deleteMessageTitle}
          text={t.deleteMessageText}
          action={t.delete}
          onClose={() => setAsking(false)}
          onConfirm={() => store.messages.remove(message)}
        />
      )}
    </article>
  )
})

function copyLink(message: Message): void {
  copyText(location.origin + chatPath({ chatId: message.chat_id, seq: message.seq }))
}

interface ActionsProps {
  message: Message
  mine: boolean
  mayDelete: boolean
  onDelete: () => void
  onReply: (message: Message) => void
  onEdit: (message: Message) => void
}

function MessageActions({ message, mine, mayDelete, onDelete, onReply, onEdit }: ActionsProps) {
  const t = useTexts()
  return (
    <div className="message-actions">
      <IconButton label={t.reply} className="icon-button-s" onClick={() => onReply(message)}>
        <Reply />
      </IconButton>
      {mine && (
        <IconButton label={t.edit} className="icon-button-s" onClick={() => onEdit(message)}>
          <Pencil />
        </IconButton>
      )}
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger asChild>
          <IconButton label={t.more} className="icon-button-s">
            <Ellipsis />
          </IconButton>
        </DropdownMenu.Trigger>
        <MenuContent align="end" sideOffset={4}>
          <DropdownMenu.Item className="menu-item" onSelect={() => copyLink(message)}>
            <Link2 /> {t.copyLink}
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => copyText(message.body)}>
            <Copy /> {t.copyText}
          </DropdownMenu.Item>
          <MessageUserItem userId={message.sender_id} />
          {mayDelete && (
            <DropdownMenu.Item className="menu-item menu-item-danger" onSelect={onDelete}>
              <Trash2 /> {t.delete}
            </DropdownMenu.Item>
          )}
        </MenuContent>
      </DropdownMenu.Root>
    </div>
  )
}

function Quote({ conversation, id }: { conversation: ConversationKey; id: string }) {
  const t = useTexts()
  const message = useQuoted(conversation, id)
  const to = message ? { chatId: message.chat_id, seq: message.seq } : undefined
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
      <div className="message-side">{head && <Avatar userId={me.id} size="l" />}</div>
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
  const [late, setLate] = useState(Date.now() - entry.written_at > LATE_MS)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), LATE_MS)
    return () => clearTimeout(timer)
  }, [])
  if (entry.refused || entry.sent || !late) return <time>{clock(new Date(entry.written_at).toISOString())}</time>
  return (
    <span className="waiting">
      <Clock aria-hidden="true" /> {t.waiting}
    </span>
  )
}
