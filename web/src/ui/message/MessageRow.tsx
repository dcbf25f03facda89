// A message in the timeline: its sender, its time and what can be done to it. What it says is drawn
// by `Body`, which depends on the kind of the row.
import { type ComponentType, type KeyboardEvent, memo, useId, useRef, useState } from 'react'
import type { ChatAction, Message } from '../../api/types'
import { type ConversationKey, conversationOf, parseConversation } from '../../store/conversation'
import { useTexts } from '../../texts'
import { Avatar } from '../Avatar'
import { ConfirmDialog } from '../Dialog'
import { clock, fullDate } from '../dates'
import { useMe, useStore, useUser } from '../hooks'
import { UserMenu } from '../UserMenu'
import { UserName } from '../UserName'
import { type ActionContext, actionOfKey, type MessageAction } from './actions'
import { Marks } from './Marks'
import { MessageActions } from './MessageActions'
import { Quote } from './Quote'
import { Reactions } from './Reactions'
import { BothPlaces, ThreadSummary } from './ThreadSummary'

/** What a message says. `id` is for screen readers: the element that has the text. */
export type MessageContent = ComponentType<{ message: Message; id: string }>

/** A message of another person that is younger has just come, and fades in. */
const FRESH_MS = 2000

interface MessageRowProps {
  /** Where it is shown. */
  conversation: ConversationKey
  message: Message
  head: boolean
  marked: boolean
  may: readonly ChatAction[]
  Body: MessageContent
  onReply: (message: Message) => void
  onEdit: (message: Message) => void
}

export const MessageRow = memo(function MessageRow(props: MessageRowProps) {
  const { conversation, message, head, marked, may, Body, onReply, onEdit } = props
  const inThread = parseConversation(conversation).rootId !== null
  const t = useTexts()
  const store = useStore()
  const mine = message.sender_id === useMe().id
  const sender = useUser(message.sender_id)
  const [picking, setPicking] = useState(false)
  const onReact = () => setPicking(true)
  const context: ActionContext = { message, inThread, sender, mine, may, store, onReact, onReply, onEdit }
  const [asking, setAsking] = useState<MessageAction | null>(null)
  const start = (action: MessageAction) => {
    if (action.question) setAsking(action)
    else action.run(context)
  }
  const id = useId()
  const [fresh] = useState(() => !mine && Date.now() - Date.parse(message.created_at) < FRESH_MS)
  // A message has shortcuts only if it was focused by keyboard: after a click, typing goes to the
  // composer.
  const focusedByKeyboard = useRef(false)
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (!focusedByKeyboard.current || event.target !== event.currentTarget) return
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const action = actionOfKey(event.key, context)
    if (!action) return
    start(action)
    event.preventDefault()
  }
  return (
    <article
      className="message"
      // A screen reader reads sender and time, then the text.
      aria-labelledby={`${id}-who ${id}-when`}
      aria-describedby={`${id}-what`}
      data-head={head || undefined}
      data-fresh={fresh || undefined}
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
        {message.root_id && message.also_in_chat && <BothPlaces message={message} inThread={inThread} />}
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
        <Body message={message} id={`${id}-what`} />
        <Marks message={message} />
        <Reactions message={message} may={may.includes('react')} picking={picking} onPicking={setPicking} />
        {!inThread && message.thread && <ThreadSummary message={message} />}
      </div>
      {!message.deleted_at && <MessageActions context={context} onAction={start} />}
      {asking?.question && (
        <ConfirmDialog
          {...asking.question(t)}
          action={asking.text(t, context)}
          onClose={() => setAsking(null)}
          onConfirm={async () => void (await asking.run(context))}
        />
      )}
    </article>
  )
})
