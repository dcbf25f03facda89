// Where the user writes: the draft of a conversation, a reply, or an edit of a message. Sending is up to
// the outbox, keeping the draft to the store.
//
// The invariant: only the browser and `applyChange` change the text in the box while it is written, so
// that all of it can be undone.
import { SendHorizontal } from 'lucide-react'
import {
  type FormEvent,
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useState,
} from 'react'
import type { ChatItem, Message } from '../../api/types'
import { type ConversationKey, parseConversation } from '../../store/conversation'
import type { Edit } from '../../store/slices/drafts'
import { useTexts } from '../../texts'
import { errorSentence } from '../errors'
import { isMod, TOUCH, useChatTitle, useDraft, useStore } from '../hooks'
import { isComposing } from '../ime'
import { optionId } from '../Listbox'
import { About } from './About'
import { BODY_MAX, bodyOf, DRAFT_MAX, lengthOf, split } from './body'
import { applyChange, selectionOf } from './box'
import { CompletionList } from './CompletionList'
import { isInFence, newLine } from './editing'
import { FormatBar } from './FormatBar'
import { type Format, formatOfKey } from './formats'
import { SendHint } from './SendHint'
import { TypingLine } from './TypingLine'
import { useCompletion } from './useCompletion'
import { usePaste } from './usePaste'

/** So many characters before the limit, the rest is shown. */
const NEAR_MAX = 500

interface ComposerProps {
  conversation: ConversationKey
  /** Its chat. */
  item: ChatItem
  textarea: RefObject<HTMLTextAreaElement | null>
  lastOwnMessage: () => Message | undefined
}

export function Composer({ conversation, item, textarea, lastOwnMessage }: ComposerProps) {
  const t = useTexts()
  const store = useStore()
  const { kind } = item.chat
  const { chatId, rootId } = parseConversation(conversation)
  const draft = useDraft(conversation)
  const { edit } = draft
  const [error, setError] = useState('')
  const [alsoInChat, setAlsoInChat] = useState(false)
  const title = useChatTitle(item)

  const text = edit ? edit.text : draft.text
  const left = BODY_MAX - lengthOf(text)

  // The box has its own text. It is set only if another one is to be written or another tab writes:
  // that cannot be undone.
  useLayoutEffect(() => {
    if (textarea.current && textarea.current.value !== text) textarea.current.value = text
  }, [textarea, text])
  useEffect(() => () => store.drafts.keep(), [store])
  const what = edit?.id ?? null
  // biome-ignore lint/correctness/useExhaustiveDependencies: an error is about one edit
  useEffect(() => setError(''), [what])
  useEffect(() => {
    // Not on touch screens, where the focus opens a keyboard over the messages, and not while a
    // menu is open, which would close.
    if (!TOUCH.matches && !document.querySelector('[role="menu"]')) textarea.current?.focus()
  }, [textarea])

  const finish = () => {
    store.drafts.change(conversation, edit ? { edit: null } : { reply_to: null })
    textarea.current?.focus()
  }

  const submit = async () => {
    const body = bodyOf(text)
    if (body === '' || left < 0) return
    textarea.current?.focus()
    setError('')
    if (!edit) {
      store.outbox.add(conversation, body, draft.reply_to, alsoInChat)
      store.drafts.clear(conversation)
      setAlsoInChat(false)
      if (!rootId) store.typing.sent(chatId)
      return
    }
    try {
      if (edit.unsent)
        store.outbox.editAndResend(
          { client_id: edit.id, chat_id: chatId, root_id: rootId, reply_to: edit.reply_to },
          body,
        )
      else if (body !== edit.before) await store.messages.edit({ chat_id: chatId, id: edit.id }, body)
      // The user may have begun another edit meanwhile, and the focus may be elsewhere.
      if (store.drafts.get(conversation).edit?.id === edit.id) store.drafts.change(conversation, { edit: null })
    } catch (error) {
      setError(errorSentence(error))
    }
  }

  const sendParts = () => {
    for (const [index, part] of split(text).entries())
      store.outbox.add(conversation, part, index === 0 ? draft.reply_to : null, alsoInChat)
    store.drafts.clear(conversation)
    setAlsoInChat(false)
    if (!rootId) store.typing.sent(chatId)
    textarea.current?.focus()
  }

  const replace = (from: number, to: number, insert: string) => {
    const at = from + insert.length
    if (textarea.current) applyChange(textarea.current, { from, to, insert, start: at, end: at })
  }
  const completion = useCompletion({ item, textarea, text, replace })
  const onPaste = usePaste(setError)
  const onInput = ({ currentTarget: box }: FormEvent<HTMLTextAreaElement>) => {
    if (box.value.length > DRAFT_MAX && box.value.length > text.length) {
      setError(t.pasteTooLong(box.value.length, DRAFT_MAX))
      box.value = text
      return
    }
    setError('')
    store.drafts.type(conversation, box.value)
    // Who is told of typing sees the chat, not its threads.
    if (!edit && !rootId) store.typing[box.value.trim() === '' ? 'stopped' : 'wrote'](chatId)
    void completion.finish(box.value, box.selectionStart)
  }

  const onFormat = useCallback(
    (format: Format) => {
      if (textarea.current) applyChange(textarea.current, format.apply(selectionOf(textarea.current)))
    },
    [textarea],
  )
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (isComposing(event.nativeEvent)) return
    const box = event.currentTarget
    const selection = selectionOf(box)
    const format = formatOfKey(event, selection)
    if (completion.onKey(event.key)) {
      event.preventDefault()
    } else if (format) {
      event.preventDefault()
      onFormat(format)
    } else if (event.key === 'Enter' && !event.altKey) {
      event.preventDefault()
      const sends = isMod(event) || !(event.shiftKey || TOUCH.matches || isInFence(selection.text, selection.start))
      if (sends) void submit()
      else applyChange(box, newLine(selection))
    } else if (event.key === 'Escape' && (edit || draft.reply_to)) {
      event.preventDefault()
      finish()
    } else if (event.key === 'ArrowUp' && !event.altKey && text === '' && !edit && !draft.reply_to) {
      const message = lastOwnMessage()
      if (message) {
        event.preventDefault()
        store.drafts.edit(conversation, message)
      }
    }
  }

  const isChannel = kind === 'public_channel' || kind === 'private_channel'
  const label = rootId ? t.replyInThread : isChannel ? t.messageChannel(title) : t.messageTo(title)
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
        {(edit || draft.reply_to) && (
          <About conversation={conversation} replyTo={edit ? null : draft.reply_to} onCancel={finish} />
        )}
        <div className="composer-row">
          {/* A hidden copy of the text gives the height of the textarea. */}
          <div className="composer-grow" data-text={text.slice(0, SHOWN_MAX)}>
            <textarea
              ref={textarea}
              rows={1}
              dir="auto"
              autoComplete="off"
              aria-label={label}
              placeholder={label}
              aria-autocomplete="list"
              aria-controls={completion.found ? completion.id : undefined}
              aria-activedescendant={
                completion.found && completion.active !== null ? optionId(completion.id, completion.active) : undefined
              }
              enterKeyHint={TOUCH.matches ? 'enter' : 'send'}
              onInput={onInput}
              onPaste={onPaste}
              onKeyDown={onKeyDown}
            />
          </div>
          <button
            type="submit"
            className="send-button"
            aria-label={edit ? t.save : t.send}
            disabled={text.trim() === '' || left < 0}
          >
            <SendHorizontal aria-hidden="true" />
          </button>
        </div>
        <FormatBar onFormat={onFormat} />
        {rootId && !edit && (
          <label className="composer-also">
            <input type="checkbox" checked={alsoInChat} onChange={event => setAlsoInChat(event.target.checked)} />
            {t.sendToChatToo}
          </label>
        )}
      </div>
      <Note
        typingIn={rootId ? null : chatId}
        error={error}
        left={left}
        edit={edit}
        text={text}
        onSendParts={sendParts}
      />
    </form>
  )
}

/** More does not make the box higher. */
const SHOWN_MAX = 10_000

interface NoteProps {
  /** The chat whose typing is shown; null in a thread. */
  typingIn: string | null
  error: string
  left: number
  edit: Edit | null
  text: string
  onSendParts: () => void
}

/** The line below the box: what is wrong, and what can be done. */
function Note({ typingIn, error, left, edit, text, onSendParts }: NoteProps) {
  const t = useTexts()
  const parts = left < 0 && !edit ? split(text).length : 0
  return (
    <>
      <div className="composer-note">
        {typingIn && <TypingLine chatId={typingIn} />}
        <SendHint />
        <span className="composer-left" role="status">
          {!error && left >= 0 && left < NEAR_MAX ? t.charactersLeft(left) : ''}
        </span>
      </div>
      {(error || left < 0) && (
        <div className="composer-error" role="alert">
          {error || t.charactersTooMany(-left)}
          {!error && parts > 1 && (
            <button type="button" className="link-button" onClick={onSendParts}>
              {t.sendParts(parts)}
            </button>
          )}
        </div>
      )}
    </>
  )
}
