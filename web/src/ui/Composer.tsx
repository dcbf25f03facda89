import { SendHorizontal, X } from 'lucide-react'
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { ChatItem, Message } from '../api/types'
import { useTexts } from '../texts'
import { IconButton, Name } from './bits'
import { EmojiList, useEmoji } from './EmojiList'
import type { Emoji } from './emoji'
import { useChatTitle, useMe, useStore } from './hooks'
import { plain } from './plain'
import { sayTrouble } from './trouble'

export type Draft = { kind: 'new' } | { kind: 'reply'; message: Message } | { kind: 'edit'; message: Message }

/** As the server has it: a longer message is refused. */
const BODY_MAX = 16_000

interface ComposerProps {
  item: ChatItem
  draft: Draft
  onDraft: (draft: Draft) => void
  lastOwn: () => Message | undefined
}

export function Composer({ item, draft, onDraft, lastOwn }: ComposerProps) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const { id, kind } = item.chat
  const shelf = `parlor.draft.${me.id}.${id}`
  const [text, setText] = useState(() => localStorage.getItem(shelf) ?? '')
  const [trouble, setTrouble] = useState('')
  const area = useRef<HTMLTextAreaElement>(null)
  const title = useChatTitle(item)
  const editing = draft.kind === 'edit' ? draft.message : null

  // What was being written waits while a message is edited.
  const before = useRef('')
  // Before anything is drawn, so that no key that is pressed at once gets lost.
  useLayoutEffect(() => {
    setTrouble('')
    if (draft.kind === 'edit') {
      setText(now => {
        before.current = now
        return draft.message.body
      })
    }
    if (draft.kind !== 'new') area.current?.focus()
  }, [draft])

  useEffect(() => {
    if (editing) return
    if (text) localStorage.setItem(shelf, text)
    else localStorage.removeItem(shelf)
  }, [text, shelf, editing])

  useEffect(() => {
    // Not on touch screens, where it would open the keyboard over what one wants to read.
    // Nor from under a menu that was opened meanwhile: it would close.
    if (matchMedia('(pointer: fine)').matches && !document.querySelector('[role="menu"]')) area.current?.focus()
  }, [])

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const element = area.current
    if (!element) return
    element.style.height = 'auto'
    element.style.height = `${Math.min(element.scrollHeight, innerHeight * 0.4)}px`
  }, [text])

  const done = () => {
    if (editing) setText(before.current)
    onDraft({ kind: 'new' })
  }

  const submit = async () => {
    const body = text.trim()
    if (body === '') return
    if (editing) {
      try {
        if (body !== editing.body) await store.reading.edit(editing, body)
        done()
      } catch (error) {
        setTrouble(sayTrouble(error))
      }
      return
    }
    store.outbox.add(id, body, draft.kind === 'reply' ? draft.message.id : null)
    setText('')
    onDraft({ kind: 'new' })
  }

  const emoji = useEmoji(area, text)
  const put = (chosen: Emoji) => {
    const end = area.current?.selectionStart ?? text.length
    const start = text.lastIndexOf(':', end - 1)
    setText(`${text.slice(0, start)}${chosen.text} ${text.slice(end)}`)
    const after = start + chosen.text.length + 1
    requestAnimationFrame(() => area.current?.setSelectionRange(after, after))
  }

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return
    if (emoji.onKey(event.key, put)) {
      event.preventDefault()
      return
    }
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      void submit()
    } else if (event.key === 'Escape' && draft.kind !== 'new') {
      event.preventDefault()
      done()
    } else if (event.key === 'ArrowUp' && text === '' && draft.kind === 'new') {
      const message = lastOwn()
      if (message) {
        event.preventDefault()
        onDraft({ kind: 'edit', message })
      }
    }
  }

  const label = kind === 'public_channel' || kind === 'private_channel' ? t.messageChannel(title) : t.messageTo(title)
  const left = BODY_MAX - text.length
  return (
    <form
      className="composer"
      onSubmit={event => {
        event.preventDefault()
        void submit()
      }}
    >
      <div className="composer-box">
        <EmojiList {...emoji} onPick={put} />
        {draft.kind !== 'new' && (
          <div className="composer-about">
            <span className="composer-about-text">
              {draft.kind === 'edit' ? (
                <strong>{t.editing}</strong>
              ) : (
                <>
                  <strong>
                    {t.replyTo} <Name userId={draft.message.sender_id} />
                  </strong>{' '}
                  <bdi>{plain(draft.message.body)}</bdi>
                </>
              )}
            </span>
            <IconButton label={t.cancel} className="icon-button-s" onClick={done}>
              <X />
            </IconButton>
          </div>
        )}
        <div className="composer-row">
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
            onChange={event => setText(event.target.value)}
            onKeyDown={onKeyDown}
          />
          <button
            type="submit"
            className="send-button"
            aria-label={editing ? t.save : t.send}
            disabled={text.trim() === '' || left < 0}
          >
            <SendHorizontal aria-hidden="true" />
          </button>
        </div>
      </div>
      <div className="composer-note" role="status">
        {trouble || (left < 0 ? t.charactersTooMany(-left) : left < 500 ? t.charactersLeft(left) : '')}
      </div>
    </form>
  )
}
