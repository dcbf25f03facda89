import { SendHorizontal, X } from 'lucide-react'
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { ChatItem, Message } from '../api/types'
import { IconButton, Name } from './bits'
import { useMe, useStore, useView } from './hooks'
import { chatTitle } from './names'
import { plain } from './plain'

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
  const store = useStore()
  const me = useMe()
  const { id, kind } = item.chat
  const shelf = `parlor.draft.${me.id}.${id}`
  const [text, setText] = useState(() => localStorage.getItem(shelf) ?? '')
  const [trouble, setTrouble] = useState('')
  const area = useRef<HTMLTextAreaElement>(null)
  const title = useView(view => chatTitle(item, me.id, view.data?.users ?? new Map()))
  const editing = draft.kind === 'edit' ? draft.message : null

  // What was being written waits while a message is edited.
  const before = useRef('')
  useEffect(() => {
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
    if (matchMedia('(pointer: fine)').matches) area.current?.focus()
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
        if (body !== editing.body) await store.edit(editing, body)
        done()
      } catch (error) {
        setTrouble(error instanceof Error ? error.message : String(error))
      }
      return
    }
    store.send(id, body, draft.kind === 'reply' ? draft.message.id : null)
    setText('')
    onDraft({ kind: 'new' })
  }

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return
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

  const label = kind === 'public_channel' || kind === 'private_channel' ? `Message #${title}` : `Message ${title}`
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
        {draft.kind !== 'new' && (
          <div className="composer-about">
            <span className="composer-about-text">
              {draft.kind === 'edit' ? (
                <strong>Editing your message</strong>
              ) : (
                <>
                  <strong>
                    Reply to <Name userId={draft.message.sender_id} />
                  </strong>{' '}
                  {plain(draft.message.body)}
                </>
              )}
            </span>
            <IconButton label="Cancel" className="icon-button-s" onClick={done}>
              <X />
            </IconButton>
          </div>
        )}
        <div className="composer-row">
          <textarea
            ref={area}
            rows={1}
            aria-label={label}
            placeholder={label}
            value={text}
            onChange={event => setText(event.target.value)}
            onKeyDown={onKeyDown}
          />
          <button
            type="submit"
            className="send-button"
            aria-label={editing ? 'Save' : 'Send'}
            disabled={text.trim() === '' || left < 0}
          >
            <SendHorizontal aria-hidden="true" />
          </button>
        </div>
      </div>
      <div className="composer-note" role="status">
        {trouble || (left < 0 ? `${-left} characters too long` : left < 500 ? `${left} characters left` : '')}
      </div>
    </form>
  )
}
