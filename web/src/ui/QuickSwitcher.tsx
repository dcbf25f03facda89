import { useMemo, useState } from 'react'
import { answer } from '../api/client'
import type { ChatItem, User } from '../api/types'
import { useTexts } from '../texts'
import { Avatar, ChatIcon, Dialog } from './bits'
import { useMe, useStore, useView } from './hooks'
import { byActivity, chatTitle, match } from './names'
import { usePeople } from './People'

type Found = { kind: 'chat'; item: ChatItem; title: string } | { kind: 'person'; user: User }

export function QuickSwitcher({ onClose, onChat }: { onClose: () => void; onChat: (id: string) => void }) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const data = useView(view => view.data)
  const [query, setQuery] = useState('')
  const [active, setActive] = useState(0)
  const people = usePeople(query)
  const found = useMemo((): Found[] => {
    if (!data) return []
    const chats = byActivity(data)
      .map((item, order) => ({ item, order, title: chatTitle(item, me.id, data.users) }))
      .map(entry => ({ ...entry, score: match(entry.title, query) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score || a.order - b.order)
      .slice(0, 12)
      .map(({ item, title }): Found => ({ kind: 'chat', item, title }))
    if (query.trim() === '') return chats
    const known = new Set(
      [...data.chats.values()].filter(i => i.chat.kind === 'single').flatMap(i => i.chat.member_ids),
    )
    const others = people.filter(user => !known.has(user.id)).slice(0, 6)
    return [...chats, ...others.map((user): Found => ({ kind: 'person', user }))]
  }, [data, me.id, query, people])

  const choose = async (entry: Found | undefined) => {
    if (!entry) return
    if (entry.kind === 'chat') return onChat(entry.item.chat.id)
    const item = await answer(store.api.POST('/api/chat', { body: { kind: 'single', members: [entry.user.id] } }))
    store.addChat(item)
    onChat(item.chat.id)
  }
  return (
    <Dialog title={t.goToTitle} onClose={onClose} className="switcher" bare>
      <input
        className="switcher-input"
        role="combobox"
        aria-label={t.goToLabel}
        aria-expanded={found.length > 0}
        aria-controls="switcher-list"
        aria-activedescendant={found[active] ? `switcher-${active}` : undefined}
        placeholder={t.goToLabel}
        autoComplete="off"
        autoFocus
        data-autofocus
        value={query}
        onChange={event => {
          setQuery(event.target.value)
          setActive(0)
        }}
        onKeyDown={event => {
          if (event.key === 'ArrowDown') setActive((active + 1) % Math.max(1, found.length))
          else if (event.key === 'ArrowUp') setActive((active - 1 + found.length) % Math.max(1, found.length))
          else if (event.key === 'Enter') void choose(found[active])
          else return
          event.preventDefault()
        }}
      />
      {found.length === 0 && (
        <p className="switcher-list picker-none" role="status">
          {t.nothingCalled}
        </p>
      )}
      <div
        className="switcher-list"
        hidden={found.length === 0}
        id="switcher-list"
        role="listbox"
        aria-label={t.chatsAndPeople}
      >
        {found.map((entry, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
          <div
            key={entry.kind === 'chat' ? entry.item.chat.id : entry.user.id}
            id={`switcher-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            className="option"
            ref={element => {
              if (index === active) element?.scrollIntoView({ block: 'nearest' })
            }}
            onClick={() => void choose(entry)}
          >
            {entry.kind === 'chat' ? <ChatIcon item={entry.item} /> : <Avatar userId={entry.user.id} size="s" />}
            <span className="option-title">{entry.kind === 'chat' ? entry.title : entry.user.fullname}</span>
            {entry.kind === 'chat' && entry.item.unread_count > 0 && (
              <span className="badge">{entry.item.unread_count}</span>
            )}
            {entry.kind === 'person' && <span className="option-note">{t.newConversation}</span>}
          </div>
        ))}
      </div>
    </Dialog>
  )
}
