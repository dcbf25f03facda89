// A dialog to go to a chat or a user by name.
import { useMemo, useState } from 'react'
import type { ChatItem, User } from '../api/types'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { ChatIcon } from './ChatIcon'
import { ChatTitle } from './ChatTitle'
import { byActivity, chatTitle } from './chats'
import { Dialog } from './Dialog'
import { FormError, useAction } from './forms'
import { useMe, useStore, useView } from './hooks'
import { isComposing } from './ime'
import { Listbox, optionId } from './Listbox'
import { matchScore } from './matchScore'
import { usePeopleSearch } from './PeoplePicker'
import { UnreadBadge } from './UnreadBadge'

const LIST = 'switcher-list'

type Found = { kind: 'chat'; item: ChatItem; title: string } | { kind: 'person'; user: User }

export function QuickSwitcher({ onClose, onChat }: { onClose: () => void; onChat: (id: string) => void }) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const data = useView(view => view.data)
  const [query, setQuery] = useState('')
  const [active, setActive] = useState(0)
  const people = usePeopleSearch(query)
  const found = useMemo((): Found[] => {
    if (!data) return []
    const chats = byActivity(data.chats)
      .map((item, order) => ({ item, order, title: chatTitle(item, me.id, data.users) }))
      .map(entry => ({ ...entry, score: matchScore(entry.title, query) }))
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

  const { error, run: choose } = useAction(async (entry: Found | undefined) => {
    if (!entry) return
    if (entry.kind === 'chat') return onChat(entry.item.chat.id)
    onChat(await store.chats.openSingle(entry.user.id))
  })
  return (
    <Dialog title={t.goToTitle} onClose={onClose} className="switcher" bare>
      <input
        className="switcher-input"
        role="combobox"
        aria-label={t.goToLabel}
        aria-expanded={found.length > 0}
        aria-controls={found.length > 0 ? LIST : undefined}
        aria-activedescendant={found[active] ? optionId(LIST, active) : undefined}
        placeholder={t.goToLabel}
        autoComplete="off"
        autoFocus
        data-autofocus
        dir="auto"
        value={query}
        onChange={event => {
          setQuery(event.target.value)
          setActive(0)
        }}
        onKeyDown={event => {
          if (isComposing(event.nativeEvent)) return
          if (event.key === 'ArrowDown') setActive((active + 1) % Math.max(1, found.length))
          else if (event.key === 'ArrowUp') setActive((active - 1 + found.length) % Math.max(1, found.length))
          else if (event.key === 'Enter') choose(found[active])
          else return
          event.preventDefault()
        }}
      />
      {found.length === 0 ? (
        <p className="switcher-list picker-none" role="status">
          {t.nothingCalled}
        </p>
      ) : (
        <Listbox
          id={LIST}
          label={t.chatsAndPeople}
          className="switcher-list"
          options={found}
          active={active}
          keyOf={entry => (entry.kind === 'chat' ? entry.item.chat.id : entry.user.id)}
          onPick={choose}
        >
          {entry =>
            entry.kind === 'chat' ? (
              <>
                <ChatIcon item={entry.item} />
                <span className="option-title" dir="auto">
                  <ChatTitle item={entry.item} />
                </span>
                {entry.item.unread_count > 0 && <UnreadBadge count={entry.item.unread_count} />}
              </>
            ) : (
              <>
                <Avatar userId={entry.user.id} size="s" />
                <span className="option-title" dir="auto">
                  {entry.user.fullname}
                </span>
                <span className="option-note">{t.newConversation}</span>
              </>
            )
          }
        </Listbox>
      )}
      <FormError error={error} />
    </Dialog>
  )
}
