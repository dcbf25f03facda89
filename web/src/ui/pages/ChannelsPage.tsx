// The public channels that the user is not in, to be looked at and joined, and below them the user's
// own.
import { Hash, Lock, Plus } from 'lucide-react'
import { useState } from 'react'
import { unwrap } from '../../api/client'
import type { Chat } from '../../api/types'
import { useTexts } from '../../texts'
import { isChannel } from '../chats'
import { Field, FormError, useAction } from '../forms'
import { useStore, useView } from '../hooks'
import { Link } from '../Link'
import type { PlaceProps } from '../place'
import { chatPath, openChat } from '../route'
import { Page, SearchFoot } from './Page'
import { useSearch } from './useSearch'

const PAGE = 50

export function ChannelsPage({ onOverlay }: PlaceProps) {
  const t = useTexts()
  const store = useStore()
  const [query, setQuery] = useState('')
  const word = query.trim()
  const search = useSearch(word, after => {
    const wanted = { limit: PAGE, ...(word ? { query: word } : {}), ...(after ? { after } : {}) }
    return unwrap(store.api.GET('/api/channels', { params: { query: wanted } }))
  })
  const chats = useView(view => view.data?.chats)
  const isFound = ({ name }: Chat) => (name ?? '').toLowerCase().includes(word.toLowerCase())
  const mine = [...(chats?.values() ?? [])]
    .filter(item => isChannel(item) && isFound(item.chat))
    .sort((a, b) => (a.chat.name ?? '').localeCompare(b.chat.name ?? ''))
  const join = useAction(async (id: string) => {
    store.chats.add(await unwrap(store.api.POST('/api/chat/{id}/join', { params: { path: { id } } })))
    openChat({ chatId: id })
  })
  return (
    <Page
      title={t.channels}
      actions={
        <button type="button" className="button" onClick={() => onOverlay('new')}>
          <Plus aria-hidden="true" /> {t.createChannel}
        </button>
      }
    >
      <Field label={t.searchChannels} type="search" value={query} onChange={event => setQuery(event.target.value)} />
      <FormError error={join.error ?? search.error} />
      <ul className="browse-list" aria-busy={!search.items}>
        {search.items?.map(chat => (
          <li key={chat.id} className="browse-item">
            <ChannelText chat={chat} />
            <button
              type="button"
              className="button"
              onClick={() => join.run(chat.id)}
              aria-label={t.joinChannel(chat.name ?? '')}
            >
              {t.join}
            </button>
          </li>
        ))}
      </ul>
      {search.items?.length === 0 && <p className="browse-note">{word ? t.noSuchChannel : t.allJoined}</p>}
      <SearchFoot search={search} />
      {mine.length > 0 && (
        <section className="page-section">
          <h2>{t.yourChannels}</h2>
          <ul className="browse-list">
            {mine.map(({ chat }) => (
              <li key={chat.id} className="browse-item">
                <ChannelText chat={chat} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </Page>
  )
}

function ChannelText({ chat }: { chat: Chat }) {
  const t = useTexts()
  const Icon = chat.kind === 'private_channel' ? Lock : Hash
  return (
    <div className="browse-text">
      <Link className="browse-name" to={chatPath({ chatId: chat.id })}>
        <Icon aria-hidden="true" />
        <bdi>{chat.name}</bdi>
        {chat.kind === 'private_channel' && <span className="visually-hidden">{t.privateChannel}</span>}
      </Link>
      <p className="browse-note">
        {t.memberCount(chat.member_count)}
        {chat.description && (
          <>
            {' · '}
            <bdi>{chat.description}</bdi>
          </>
        )}
      </p>
    </div>
  )
}
