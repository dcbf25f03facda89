import { SendHorizontal, X } from 'lucide-react'
import { type ChangeEvent, type KeyboardEvent, type RefObject, useEffect, useState } from 'react'
import { flushSync } from 'react-dom'
import type { ChatItem, Message } from '../api/types'
import type { Outgoing } from '../store/outbox'
import { useTexts } from '../texts'
import { EmojiList, useEmoji } from './EmojiList'
import type { Emoji } from './emoji'
import { errorSentence } from './errors'
import { isMod, TOUCH, useChatTitle, useDraft, useQuoted, useStore } from './hooks'
import { IconButton } from './IconButton'
import { previewText } from './preview'
import { UserName } from './UserName'

/** What is in the box instead of the draft: a message of mine, or one that was refused. */
export type Edited = Message | Outgoing

/** As the server has it: a longer message is refused. */
const BODY_MAX = 16_000
/** From here on one is told how much is left. */
const NEAR_MAX = 500

interface ComposerProps {
  item: ChatItem
  area: RefObject<HTMLTextAreaElement | null>
  edited: Edited | null
  onEdit: (edited: Edited | null) => void
  lastOwn: () => Message | undefined
}

export function Composer({ item, area, edited, onEdit, lastOwn }: ComposerProps) {
  const t = useTexts()
  const store = useStore()
  const { id, kind } = item.chat
  const draft = useDraft(id)
  const [words, setWords] = useState('')
  const [error, setError] = useState('')
  const title = useChatTitle(item)
  const answered = useQuoted(id, draft.reply_to)

  // An edit has words of its own, so the draft waits untouched below it. While this is drawn, so that no key that is pressed at once gets
  // lost.
  const [editing, setEditing] = useState<Edited | null>(null)
  if (edited !== editing) {
    setEditing(edited)
    setWords(edited?.body ?? '')
    setError('')
  }
  const text = edited ? words : draft.text
  const write = (next: string) => (edited ? setWords(next) : store.drafts.change(id, { text: next }))
  const left = BODY_MAX - lengthOf(text)

  useEffect(() => {
    // Not on touch screens, where it would open the keyboard over what one wants to read.
    // Nor from under a menu that was opened meanwhile: it would close.
    if (!TOUCH.matches && !document.querySelector('[role="menu"]')) area.current?.focus()
  }, [area])

  const done = () => {
    if (edited) onEdit(null)
    else store.drafts.change(id, { reply_to: null })
    area.current?.focus()
  }

  const submit = async () => {
    const body = text.trim()
    if (body === '' || left < 0) return
    area.current?.focus()
    if (!edited) {
      store.outbox.add(id, body, draft.reply_to)
      store.drafts.clear(id)
      return
    }
    try {
      if ('written_at' in edited) store.outbox.editAndResend(edited, body)
      else if (body !== edited.body) await store.messages.edit(edited, body)
      done()
    } catch (error) {
      setError(errorSentence(error))
    }
  }

  const emoji = useEmoji(area, text)
  /** Puts it where something else stands, with the cursor behind it. */
  const put = (start: number, end: number, piece: string) => {
    const now = area.current?.value ?? text
    flushSync(() => write(now.slice(0, start) + piece + now.slice(end)))
    area.current?.setSelectionRange(start + piece.length, start + piece.length)
  }
  const pick = (chosen: Emoji) => {
    const end = area.current?.selectionStart ?? text.length
    put(text.lastIndexOf(':', end - 1), end, `${chosen.text} `)
  }
  const onChange = async ({ target: { value, selectionStart } }: ChangeEvent<HTMLTextAreaElement>) => {
    write(value)
    const before = value.slice(0, selectionStart)
    const named = before.endsWith(':') && (await emoji.named(before))
    // Unless one has written on while the names were fetched.
    if (named && area.current?.value === value) put(named.start, selectionStart, named.text)
  }

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return
    if (emoji.onKey(event.key, pick)) {
      event.preventDefault()
      return
    }
    if (event.key === 'Enter' && (isMod(event) || (!event.shiftKey && !TOUCH.matches))) {
      event.preventDefault()
      void submit()
    } else if (event.key === 'Escape' && (edited || draft.reply_to)) {
      event.preventDefault()
      done()
    } else if (event.key === 'ArrowUp' && !event.altKey && text === '' && !edited && !draft.reply_to) {
      const message = lastOwn()
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
        <EmojiList {...emoji} onPick={pick} />
        {(edited || draft.reply_to) && (
          <div className="composer-about">
            <span className="composer-about-text">
              {edited ? (
                <strong>{t.editing}</strong>
              ) : (
                <>
                  <strong>
                    {t.replyTo} {answered && <UserName userId={answered.sender_id} />}
                  </strong>{' '}
                  <bdi>
                    {answered
                      ? answered.deleted_at
                        ? t.quoteDeleted
                        : previewText(answered.body)
                      : answered === null
                        ? t.quoteGone
                        : '…'}
                  </bdi>
                </>
              )}
            </span>
            <IconButton label={t.cancel} className="icon-button-s" onClick={done}>
              <X />
            </IconButton>
          </div>
        )}
        <div className="composer-row">
          {/* The same text beside it gives the height, at any width. */}
          <div className="composer-grow" data-text={text}>
            <textarea
              ref={area}
              rows={1}
              dir="auto"
              aria-label={label}
              placeholder={label}
              value={text}
              aria-autocomplete="list"
              aria-controls={emoji.found.length > 0 ? emoji.id : undefined}
              aria-activedescendant={emoji.found.length > 0 ? `${emoji.id}-${emoji.active}` : undefined}
              enterKeyHint={TOUCH.matches ? 'enter' : 'send'}
              onChange={event => void onChange(event)}
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

/** As the server counts, which is not how JavaScript does; only where it matters. */
function lengthOf(text: string): number {
  return text.length > BODY_MAX - NEAR_MAX ? [...text.trim()].length : text.length
}
