import { Check, Copy, Hash, Lock, MessageCircle, Users } from 'lucide-react'
import { type FormEvent, useEffect, useState } from 'react'
import { answer } from '../api/client'
import type { Chat, ChatItem, ChatKind, User } from '../api/types'
import { texts, useTexts } from '../texts'
import { Dialog, Empty, Field } from './bits'
import { useMe, useStore } from './hooks'
import { PeoplePicker } from './People'
import { troubleOf } from './SignIn'

const KINDS: { kind: ChatKind; Icon: typeof Hash }[] = [
  { kind: 'public_channel', Icon: Hash },
  { kind: 'private_channel', Icon: Lock },
  { kind: 'group', Icon: Users },
  { kind: 'single', Icon: MessageCircle },
]

interface ToChat {
  onClose: () => void
  onChat: (id: string) => void
}

export function NewChat({ onClose, onChat }: ToChat) {
  const t = useTexts()
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
    <Dialog title={t.newChat} onClose={onClose}>
      <form onSubmit={submit}>
        <fieldset className="kinds">
          <legend className="visually-hidden">{t.kindOfChat}</legend>
          {KINDS.map(({ kind: value, Icon }) => (
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
              <span className="kind-title">{t.kinds[value][0]}</span>
              <span className="kind-text">{t.kinds[value][1]}</span>
            </label>
          ))}
        </fieldset>
        {kind !== 'single' && (
          <Field
            key={channel ? 'channel' : 'group'}
            label={channel ? t.name : t.nameOptional}
            name="name"
            required={channel}
            autoFocus={channel}
            maxLength={80}
            error={trouble?.fields.name}
          />
        )}
        {channel && (
          <Field
            label={t.about}
            name="description"
            maxLength={500}
            hint={t.optional}
            error={trouble?.fields.description}
          />
        )}
        <PeoplePicker
          key={kind}
          label={kind === 'single' ? t.withWhom : kind === 'group' ? t.peopleTwo : t.peopleNow}
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
            {t.cancel}
          </button>
          <button type="submit" className="button button-primary" disabled={!enough}>
            {kind === 'single' ? t.start : t.create}
          </button>
        </div>
      </form>
    </Dialog>
  )
}

export function BrowseChannels({ onClose, onChat, onNew }: ToChat & { onNew: () => void }) {
  const t = useTexts()
  const store = useStore()
  const [query, setQuery] = useState('')
  const [page, setPage] = useState<{ items: Chat[]; has_more: boolean } | null>(null)
  const [trouble, setTrouble] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => {
      const word = query.trim()
      answer(store.api.GET('/api/channels', { params: { query: word ? { query: word, limit: 50 } : { limit: 50 } } }))
        .then(setPage)
        .catch(() => setTrouble(texts().channelsFailed))
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
    <Dialog title={t.browseChannels} onClose={onClose}>
      <Field label={t.search} type="search" value={query} onChange={event => setQuery(event.target.value)} autoFocus />
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
                {t.memberCount(chat.member_count)}
                {chat.description && ` · ${chat.description}`}
              </p>
            </div>
            <button
              type="button"
              className="button"
              onClick={() => void join(chat.id)}
              aria-label={t.joinChannel(chat.name ?? '')}
            >
              {t.join}
            </button>
          </li>
        ))}
      </ul>
      {page?.items.length === 0 && (
        <Empty title={query ? t.noSuchChannel : t.allJoined}>
          <button type="button" className="button" onClick={onNew}>
            {t.makeNew}
          </button>
        </Empty>
      )}
      {page?.has_more && (
        <button type="button" className="button button-wide" onClick={() => void more()}>
          {t.more}
        </button>
      )}
    </Dialog>
  )
}

export function InvitePeople({ onClose }: { onClose: () => void }) {
  const t = useTexts()
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
      setTrouble(me.role === 'member' ? t.inviteForbidden : troubleOf(error).message)
    }
  }
  return (
    <Dialog title={t.invitePeople} onClose={onClose} className="dialog-s">
      {link ? (
        <>
          <p className="dialog-text">{t.inviteText}</p>
          <div className="copy-row">
            <input readOnly value={link} aria-label={t.inviteLink} onFocus={event => event.target.select()} />
            <button
              type="button"
              className="button button-primary"
              onClick={() => void navigator.clipboard.writeText(link).then(() => setCopied(true))}
            >
              {copied ? <Check aria-hidden="true" /> : <Copy aria-hidden="true" />}
              {copied ? t.copied : t.copy}
            </button>
          </div>
        </>
      ) : (
        <form onSubmit={make}>
          <Field label={t.howMany} name="uses" type="number" min={1} max={10000} defaultValue={10} required autoFocus />
          {trouble && (
            <p className="form-trouble" role="alert">
              {trouble}
            </p>
          )}
          <div className="dialog-actions">
            <button type="submit" className="button button-primary">
              {t.makeLink}
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
  const t = useTexts()
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
    <Dialog title={t.addPeople} onClose={onClose}>
      <PeoplePicker label={t.who} chosen={people} onChange={setPeople} without={without} />
      {trouble && (
        <p className="form-trouble" role="alert">
          {trouble}
        </p>
      )}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button
          type="button"
          className="button button-primary"
          disabled={people.length === 0}
          onClick={() => void add()}
        >
          {t.add}
        </button>
      </div>
    </Dialog>
  )
}

export function EditChat({ item, onClose }: { item: ChatItem; onClose: () => void }) {
  const t = useTexts()
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
    <Dialog title={t.rename} onClose={onClose} className="dialog-s">
      <form onSubmit={save}>
        <Field
          label={t.name}
          name="name"
          defaultValue={item.chat.name ?? ''}
          required={channel}
          maxLength={80}
          error={trouble?.fields.name}
        />
        {channel && (
          <Field
            label={t.about}
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
            {t.cancel}
          </button>
          <button type="submit" className="button button-primary">
            {t.save}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
