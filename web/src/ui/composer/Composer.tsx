// Where the user writes: the draft of a conversation, a reply, or an edit of a message. Sending is up to
// the outbox, keeping the draft to the store.
//
// The invariant: an edit has a text of its own, so the draft stays untouched.
import { SendHorizontal } from 'lucide-react'
import { type ChangeEvent, type KeyboardEvent, type RefObject, useEffect, useState } from 'react'
import { flushSync } from 'react-dom'
import type { ChatItem, Message } from '../../api/types'
import type { ConversationKey } from '../../store/conversation'
import type { Outgoing } from '../../store/slices/outbox'
import { useTexts } from '../../texts'
import { errorSentence } from '../errors'
import { isMod, TOUCH, useChatTitle, useDraft, useStore } from '../hooks'
import { optionId } from '../Listbox'
import { About } from './About'
import { CompletionList } from './CompletionList'
import { useCompletion } from './useCompletion'

/** What is edited instead of the draft: an own message, or an unsent one that was refused. */
export type Edited = Message | Outgoing

/** The limit of the server. */
const BODY_MAX = 16_000
/** So many characters before the limit, the rest is shown. */
const NEAR_MAX = 500

interface ComposerProps {
  conversation: ConversationKey
  /** Its chat. */
  item: ChatItem
  textarea: RefObject<HTMLTextAreaElement | null>
  edited: Edited | null
  onEdit: (edited: Edited | null) => void
  lastOwnMessage: () => Message | undefined
}

export function Composer({ conversation, item, textarea, edited, onEdit, lastOwnMessage }: ComposerProps) {
  const t = useTexts()
  const store = useStore()
  const { kind } = item.chat
  const draft = useDraft(conversation)
  const [editText, setEditText] = useState('')
  const [error, setError] = useState('')
  const title = useChatTitle(item)

  // Set while rendering, not in an effect: a key that is pressed at once must not be lost.
  const [editing, setEditing] = useState<Edited | null>(null)
  if (edited !== editing) {
    setEditing(edited)
    setEditText(edited?.body ?? '')
    setError('')
  }
  const text = edited ? editText : draft.text
  const write = (next: string) => (edited ? setEditText(next) : store.drafts.change(conversation, { text: next }))
  const left = BODY_MAX - lengthOf(text)

  useEffect(() => {
    // Not on touch screens, where the focus opens a keyboard over the messages, and not while a
    // menu is open, which would close.
    if (!TOUCH.matches && !document.querySelector('[role="menu"]')) textarea.current?.focus()
  }, [textarea])

  const finish = () => {
    if (edited) onEdit(null)
    else store.drafts.change(conversation, { reply_to: null })
    textarea.current?.focus()
  }

  const submit = async () => {
    const body = text.trim()
    if (body === '' || left < 0) return
    textarea.current?.focus()
    if (!edited) {
      store.outbox.add(conversation, body, draft.reply_to)
      store.drafts.clear(conversation)
      return
    }
    try {
      if ('written_at' in edited) store.outbox.editAndResend(edited, body)
      else if (body !== edited.body) await store.messages.edit(edited, body)
      finish()
    } catch (error) {
      setError(errorSentence(error))
    }
  }

  const replace = (start: number, end: number, piece: string) => {
    const now = textarea.current?.value ?? text
    flushSync(() => write(now.slice(0, start) + piece + now.slice(end)))
    textarea.current?.setSelectionRange(start + piece.length, start + piece.length)
  }
  const completion = useCompletion({ item, textarea, text, replace })
  const onChange = ({ target: { value, selectionStart } }: ChangeEvent<HTMLTextAreaElement>) => {
    write(value)
    void completion.finish(value, selectionStart)
  }

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return
    if (completion.onKey(event.key)) {
      event.preventDefault()
      return
    }
    if (event.key === 'Enter' && (isMod(event) || (!event.shiftKey && !TOUCH.matches))) {
      event.preventDefault()
      void submit()
    } else if (event.key === 'Escape' && (edited || draft.reply_to)) {
      event.preventDefault()
      finish()
    } else if (event.key === 'ArrowUp' && !event.altKey && text === '' && !edited && !draft.reply_to) {
      const message = lastOwnMessage()
      if (message) {
        event.preventDefault()
        onEdit(message)
      }
    }
  }

  const label = kind === 'public_channel' || kind === 'private_channel' ? t.messageChannel(title) : t.messageTo(title)
  return (
    <form
      className="composer"
      onSubmit={event => {
        event.preventDefault()
        void submit()
      }}
    >
      <div className="composer-box">
        <CompletionList {...completion} />
        {(edited || draft.reply_to) && (
          <About conversation={conversation} replyTo={edited ? null : draft.reply_to} onCancel={finish} />
        )}
        <div className="composer-row">
          {/* A hidden copy of the text gives the height of the textarea. */}
          <div className="composer-grow" data-text={text}>
            <textarea
              ref={textarea}
              rows={1}
              dir="auto"
              aria-label={label}
              placeholder={label}
              value={text}
              aria-autocomplete="list"
              aria-controls={completion.found ? completion.id : undefined}
              aria-activedescendant={completion.found ? optionId(completion.id, completion.active) : undefined}
              enterKeyHint={TOUCH.matches ? 'enter' : 'send'}
              onChange={onChange}
              onKeyDown={onKeyDown}
            />
          </div>
          <button
            type="submit"
            className="send-button"
            aria-label={edited ? t.save : t.send}
            disabled={text.trim() === '' || left < 0}
          >
            <SendHorizontal aria-hidden="true" />
          </button>
        </div>
      </div>
      <div className="composer-note" role="status">
        {error || (left < 0 ? t.charactersTooMany(-left) : left < NEAR_MAX ? t.charactersLeft(left) : '')}
      </div>
    </form>
  )
}

/** The length in characters, as the server counts; near the limit only, since it is slow. */
function lengthOf(text: string): number {
  return text.length > BODY_MAX - NEAR_MAX ? [...text.trim()].length : text.length
}
