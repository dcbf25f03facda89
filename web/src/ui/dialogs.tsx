import { Check, Copy, Hash, Lock, MessageCircle, Users } from 'lucide-react'
import { type FormEvent, type ReactNode, useEffect, useState } from 'react'
import { answer } from '../api/client'
import type { Chat, ChatItem, ChatKind, User } from '../api/types'
import { Dialog, Empty, Field } from './bits'
import { MAC, useMe, useStore } from './hooks'
import { PeoplePicker } from './People'
import { troubleOf } from './SignIn'

const KINDS: { kind: ChatKind; title: string; text: string; Icon: typeof Hash }[] = [
  { kind: 'public_channel', title: 'Channel', text: 'Anyone may join', Icon: Hash },
  { kind: 'private_channel', title: 'Private channel', text: 'By invitation', Icon: Lock },
  { kind: 'group', title: 'Group', text: 'A few people', Icon: Users },
  { kind: 'single', title: 'One person', text: 'Just the two of you', Icon: MessageCircle },
]

interface ToChat {
  onClose: () => void
  onChat: (id: string) => void
}

export function NewChat({ onClose, onChat }: ToChat) {
  const store = useStore()
  const [kind, setKind] = useState<ChatKind>('public_channel')
  const [people, setPeople] = useState<User[]>([])
  const [trouble, setTrouble] = useState<{ message: string; fields: Record<string, string> } | null>(null)
  const channel = kind === 'public_channel' || kind === 'private_channel'
  const enough = kind === 'single' ? people.length === 1 : kind === 'group' ? people.length >= 2 : true
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '').trim() || null
    try {
      const item = await answer(
        store.api.POST('/api/chat', {
          body: {
            kind,
            members: people.map(user => user.id),
            ...(kind === 'single' ? {} : { name: text('name') }),
            ...(channel ? { description: text('description') } : {}),
          },
        }),
      )
      store.addChat(item)
      onChat(item.chat.id)
    } catch (error) {
      setTrouble(troubleOf(error))
    }
  }
  return (
    <Dialog title="New chat" onClose={onClose}>
      <form onSubmit={submit}>
        <fieldset className="kinds">
          <legend className="visually-hidden">Kind of chat</legend>
          {KINDS.map(({ kind: value, title, text, Icon }) => (
            <label key={value} className="kind">
              <input
                type="radio"
                name="kind"
                value={value}
                checked={kind === value}
                onChange={() => {
                  setKind(value)
                  setPeople(now => (value === 'single' ? now.slice(0, 1) : now))
                  setTrouble(null)
                }}
              />
              <Icon aria-hidden="true" />
              <span className="kind-title">{title}</span>
              <span className="kind-text">{text}</span>
            </label>
          ))}
        </fieldset>
        {kind !== 'single' && (
          <Field
            key={channel ? 'channel' : 'group'}
            label={channel ? 'Name' : 'Name, if it should have one'}
            name="name"
            required={channel}
            autoFocus={channel}
            maxLength={80}
            error={trouble?.fields.name}
          />
        )}
        {channel && (
          <Field
            label="What is it about?"
            name="description"
            maxLength={500}
            hint="Optional"
            error={trouble?.fields.description}
          />
        )}
        <PeoplePicker
          key={kind}
          label={kind === 'single' ? 'With whom?' : kind === 'group' ? 'People (two or more)' : 'People to add now'}
          chosen={people}
          onChange={setPeople}
          one={kind === 'single'}
        />
        {trouble?.message && (
          <p className="form-trouble" role="alert">
            {trouble.message}
          </p>
        )}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" disabled={!enough}>
            {kind === 'single' ? 'Start' : 'Create'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

export function BrowseChannels({ onClose, onChat, onNew }: ToChat & { onNew: () => void }) {
  const store = useStore()
  const [query, setQuery] = useState('')
  const [page, setPage] = useState<{ items: Chat[]; has_more: boolean } | null>(null)
  const [trouble, setTrouble] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => {
      const word = query.trim()
      answer(store.api.GET('/api/channels', { params: { query: word ? { query: word, limit: 50 } : { limit: 50 } } }))
        .then(setPage)
        .catch(() => setTrouble('The channels could not be loaded.'))
    }, 120)
    return () => clearTimeout(timer)
  }, [store, query])
  const more = async () => {
    const after = page?.items.at(-1)?.id
    if (!page || !after) return
    const next = await answer(
      store.api.GET('/api/channels', {
        params: { query: { ...(query.trim() ? { query: query.trim() } : {}), after, limit: 50 } },
      }),
    )
    setPage({ items: [...page.items, ...next.items], has_more: next.has_more })
  }
  const join = async (id: string) => {
    try {
      const item = await answer(store.api.POST('/api/chat/{id}/join', { params: { path: { id } } }))
      store.addChat(item)
      onChat(id)
    } catch (error) {
      setTrouble(troubleOf(error).message)
    }
  }
  return (
    <Dialog title="Browse channels" onClose={onClose}>
      <Field label="Search" type="search" value={query} onChange={event => setQuery(event.target.value)} autoFocus />
      {trouble && (
        <p className="form-trouble" role="alert">
          {trouble}
        </p>
      )}
      <ul className="browse-list">
        {page?.items.map(chat => (
          <li key={chat.id} className="browse-item">
            <div className="browse-text">
              <p className="browse-name">
                <Hash aria-hidden="true" />
                {chat.name}
              </p>
              <p className="browse-note">
                {chat.member_count} {chat.member_count === 1 ? 'member' : 'members'}
                {chat.description && ` · ${chat.description}`}
              </p>
            </div>
            <button
              type="button"
              className="button"
              onClick={() => void join(chat.id)}
              aria-label={`Join ${chat.name}`}
            >
              Join
            </button>
          </li>
        ))}
      </ul>
      {page?.items.length === 0 && (
        <Empty title={query ? 'No channel is called that' : 'You are in every channel there is'}>
          <button type="button" className="button" onClick={onNew}>
            Make a new one
          </button>
        </Empty>
      )}
      {page?.has_more && (
        <button type="button" className="button button-wide" onClick={() => void more()}>
          More
        </button>
      )}
    </Dialog>
  )
}

export function InvitePeople({ onClose }: { onClose: () => void }) {
  const store = useStore()
  const me = useMe()
  const [link, setLink] = useState('')
  const [copied, setCopied] = useState(false)
  const [trouble, setTrouble] = useState('')
  const make = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const max_uses = Number(new FormData(event.currentTarget).get('uses'))
    try {
      const invite = await answer(store.api.POST('/api/invites', { body: { max_uses } }))
      setLink(`${location.origin}/signup?invite=${encodeURIComponent(invite.code)}`)
    } catch (error) {
      setTrouble(
        me.role === 'member' ? 'Only owners and admins of the workspace can invite.' : troubleOf(error).message,
      )
    }
  }
  return (
    <Dialog title="Invite people" onClose={onClose} className="dialog-s">
      {link ? (
        <>
          <p className="dialog-text">Whoever opens this link within a week can join.</p>
          <div className="copy-row">
            <input readOnly value={link} aria-label="Invitation link" onFocus={event => event.target.select()} />
            <button
              type="button"
              className="button button-primary"
              onClick={() => void navigator.clipboard.writeText(link).then(() => setCopied(true))}
            >
              {copied ? <Check aria-hidden="true" /> : <Copy aria-hidden="true" />}
              {copied ? 'Copied' : 'Copy'}
            </button>
          </div>
        </>
      ) : (
        <form onSubmit={make}>
          <Field
            label="For how many people?"
            name="uses"
            type="number"
            min={1}
            max={10000}
            defaultValue={10}
            required
            autoFocus
          />
          {trouble && (
            <p className="form-trouble" role="alert">
              {trouble}
            </p>
          )}
          <div className="dialog-actions">
            <button type="submit" className="button button-primary">
              Make a link
            </button>
          </div>
        </form>
      )}
    </Dialog>
  )
}

interface AddMembersProps {
  item: ChatItem
  without: string[]
  onClose: () => void
  onDone: () => void
}

export function AddMembers({ item, without, onClose, onDone }: AddMembersProps) {
  const store = useStore()
  const [people, setPeople] = useState<User[]>([])
  const [trouble, setTrouble] = useState('')
  const add = async () => {
    try {
      const user_ids = people.map(user => user.id)
      await answer(
        store.api.POST('/api/chat/{id}/members', { params: { path: { id: item.chat.id } }, body: { user_ids } }),
      )
      onDone()
      onClose()
    } catch (error) {
      setTrouble(troubleOf(error).message)
    }
  }
  return (
    <Dialog title="Add people" onClose={onClose}>
      <PeoplePicker label="Who?" chosen={people} onChange={setPeople} without={without} />
      {trouble && (
        <p className="form-trouble" role="alert">
          {trouble}
        </p>
      )}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          className="button button-primary"
          disabled={people.length === 0}
          onClick={() => void add()}
        >
          Add
        </button>
      </div>
    </Dialog>
  )
}

export function EditChat({ item, onClose }: { item: ChatItem; onClose: () => void }) {
  const store = useStore()
  const [trouble, setTrouble] = useState<{ message: string; fields: Record<string, string> } | null>(null)
  const channel = item.chat.kind !== 'group'
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const name = String(form.get('name') ?? '').trim()
    const description = String(form.get('description') ?? '').trim()
    try {
      await answer(
        store.api.PATCH('/api/chat/{id}', {
          params: { path: { id: item.chat.id } },
          body: { ...(name ? { name } : {}), ...(channel ? { description } : {}) },
        }),
      )
      onClose()
    } catch (error) {
      setTrouble(troubleOf(error))
    }
  }
  return (
    <Dialog title="Rename" onClose={onClose} className="dialog-s">
      <form onSubmit={save}>
        <Field
          label="Name"
          name="name"
          defaultValue={item.chat.name ?? ''}
          required={channel}
          maxLength={80}
          error={trouble?.fields.name}
        />
        {channel && (
          <Field
            label="What is it about?"
            name="description"
            defaultValue={item.chat.description}
            maxLength={500}
            error={trouble?.fields.description}
          />
        )}
        {trouble?.message && (
          <p className="form-trouble" role="alert">
            {trouble.message}
          </p>
        )}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary">
            Save
          </button>
        </div>
      </form>
    </Dialog>
  )
}

const MOD = MAC ? '⌘' : 'Ctrl'
const KEYS: [string, ReactNode][] = [
  [
    'Go to a chat or a person',
    <>
      <kbd>{MOD}</kbd> <kbd>K</kbd>
    </>,
  ],
  ['Send', <kbd key="k">Enter</kbd>],
  [
    'New line',
    <>
      <kbd>Shift</kbd> <kbd>Enter</kbd>
    </>,
  ],
  ['Edit your last message', <kbd key="k">↑</kbd>],
  ['Leave an edit or a reply', <kbd key="k">Esc</kbd>],
  [
    'This list',
    <>
      <kbd>{MOD}</kbd> <kbd>/</kbd>
    </>,
  ],
]

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose} className="dialog-s">
      <dl className="keys">
        {KEYS.map(([what, keys]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{keys}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
