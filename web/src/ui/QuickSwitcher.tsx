// A dialog to go to a chat, a channel or a user by name. With # before the name it finds channels
// alone, with @ people.
import { Hash } from 'lucide-react'
import { useEffect, useMemo, useState } from 'react'
import { unwrap } from '../api/client'
import type { Chat, User } from '../api/types'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { ChatIcon } from './ChatIcon'
import { ChatTitle } from './ChatTitle'
import { chatTitle, isForMe } from './chats'
import { Dialog } from './Dialog'
import { FormError, useAction } from './forms'
import { useMe, useStore, useView } from './hooks'
import { isComposing } from './ime'
import { Listbox, optionId } from './Listbox'
import { usePeopleSearch } from './PeoplePicker'
import { type Found, findChats, parseQuery } from './switcher'
import { UnreadBadge } from './UnreadBadge'

const LIST = 'switcher-list'
const CHANNELS_MAX = 6
/** Debounce of the search. */
const SEARCH_MS = 150

export function QuickSwitcher({ onClose, onChat }: { onClose: () => void; onChat: (id: string) => void }) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const data = useView(view => view.data)
  const [query, setQuery] = useState('')
  const [active, setActive] = useState(0)
  const { kind, name } = parseQuery(query)
  const people = usePeopleSearch(name)
  const channels = useChannelSearch(kind === 'people' ? '' : name)
  const found = useMemo((): Found[] => {
    if (!data) return []
    const chats = findChats(data.chats.values(), item => chatTitle(item, me.id, data.users), { kind, name })
    if (name === '' && kind === 'all') return chats
    return [
      ...chats,
      ...channels.filter(({ id }) => !data.chats.has(id)).map((chat): Found => ({ kind: 'channel', chat })),
      ...(kind === 'channels' ? [] : withoutChat(people, chats)).map((user): Found => ({ kind: 'person', user })),
    ]
  }, [data, me.id, kind, name, people, channels])

  const { error, run: choose } = useAction(async (entry: Found | undefined) => {
    if (!entry) return
    if (entry.kind === 'person') return onChat(await store.chats.openSingle(entry.user.id))
    onChat(entry.kind === 'chat' ? entry.item.chat.id : entry.chat.id)
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
        aria-describedby="switcher-hint"
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
          keyOf={entry =>
            entry.kind === 'chat' ? entry.item.chat.id : entry.kind === 'channel' ? entry.chat.id : entry.user.id
          }
          onPick={choose}
        >
          {entry => <FoundEntry entry={entry} />}
        </Listbox>
      )}
      <p id="switcher-hint" className="switcher-hint">
        {t.goToHint}
      </p>
      <FormError error={error} />
    </Dialog>
  )
}

function FoundEntry({ entry }: { entry: Found }) {
  const t = useTexts()
  switch (entry.kind) {
    case 'chat':
      return (
        <>
          <ChatIcon item={entry.item} />
          <span className="option-title" dir="auto" data-unread={entry.item.unread_count > 0 || undefined}>
            <ChatTitle item={entry.item} />
          </span>
          {entry.item.unread_count > 0 &&
            (isForMe(entry.item) ? (
              <UnreadBadge count={entry.item.unread_count} />
            ) : (
              <span className="visually-hidden">{t.unread}</span>
            ))}
        </>
      )
    case 'channel':
      return (
        <>
          <span className="chat-icon" aria-hidden="true">
            <Hash />
          </span>
          <span className="option-title" dir="auto">
            {entry.chat.name}
          </span>
          <span className="option-note">{t.notJoined}</span>
        </>
      )
    case 'person':
      return (
        <>
          <Avatar userId={entry.user.id} size="s" />
          <span className="option-title" dir="auto">
            {entry.user.fullname}
          </span>
          <span className="option-note">{t.newConversation}</span>
        </>
      )
  }
}

/** People whose chat is not found already. */
function withoutChat(people: readonly User[], chats: readonly Found[]): User[] {
  const known = new Set(
    chats.flatMap(found =>
      found.kind === 'chat' && found.item.chat.kind === 'single' ? found.item.chat.member_ids : [],
    ),
  )
  return people.filter(user => !known.has(user.id)).slice(0, CHANNELS_MAX)
}

/** Public channels that the user is not in; none without a name. */
function useChannelSearch(name: string): Chat[] {
  const store = useStore()
  const [found, setFound] = useState<Chat[]>([])
  useEffect(() => {
    let wanted = true
    const search = async () => {
      const query = { query: name, limit: CHANNELS_MAX }
      const { items } = await unwrap(store.api.GET('/api/channels', { params: { query } }))
      if (wanted) setFound(items)
    }
    if (name === '') setFound([])
    const timer = name && setTimeout(() => void search().catch(() => undefined), SEARCH_MS)
    return () => {
      wanted = false
      clearTimeout(timer || undefined)
    }
  }, [store, name])
  return found
}
