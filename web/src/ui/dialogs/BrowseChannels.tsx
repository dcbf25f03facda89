// Lists the public channels that the user is not in, and joins them.
import { Hash } from 'lucide-react'
import { useEffect, useState } from 'react'
import { unwrap } from '../../api/client'
import type { Chat } from '../../api/types'
import { useTexts } from '../../texts'
import { Dialog } from '../Dialog'
import { EmptyState } from '../EmptyState'
import { Field, FormError, useAction } from '../forms'
import { useStore } from '../hooks'

const PAGE = 50
/** Debounce of the search. */
const SEARCH_MS = 120

interface BrowseProps {
  onClose: () => void
  onChat: (id: string) => void
  onNew: () => void
}

export function BrowseChannels({ onClose, onChat, onNew }: BrowseProps) {
  const t = useTexts()
  const store = useStore()
  const [query, setQuery] = useState('')
  const [page, setPage] = useState<{ items: Chat[]; has_more: boolean } | null>(null)
  const word = query.trim()
  const fetchPage = async (after?: string) => {
    const wanted = { limit: PAGE, ...(word ? { query: word } : {}), ...(after ? { after } : {}) }
    return await unwrap(store.api.GET('/api/channels', { params: { query: wanted } }))
  }
  const search = useAction(async (isWanted: () => boolean) => {
    const found = await fetchPage()
    if (isWanted()) setPage(found)
  })
  const { run } = search
  // biome-ignore lint/correctness/useExhaustiveDependencies: the query decides
  useEffect(() => {
    let wanted = true
    const timer = setTimeout(() => run(() => wanted), SEARCH_MS)
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [store, word])
  const more = useAction(async () => {
    const after = page?.items.at(-1)?.id
    if (!page || !after) return
    const next = await fetchPage(after)
    setPage({ items: [...page.items, ...next.items], has_more: next.has_more })
  })
  const join = useAction(async (id: string) => {
    const item = await unwrap(store.api.POST('/api/chat/{id}/join', { params: { path: { id } } }))
    store.chats.add(item)
    onChat(id)
  })
  return (
    <Dialog title={t.browseChannels} onClose={onClose}>
      <Field label={t.search} type="search" value={query} onChange={event => setQuery(event.target.value)} autoFocus />
      <FormError error={join.error ?? more.error ?? search.error} />
      {search.error && (
        <button type="button" className="button" disabled={search.busy} onClick={() => run(() => true)}>
          {t.tryAgain}
        </button>
      )}
      <ul className="browse-list" aria-busy={!page}>
        {page?.items.map(chat => (
          <li key={chat.id} className="browse-item">
            <div className="browse-text">
              <p className="browse-name">
                <Hash aria-hidden="true" />
                <bdi>{chat.name}</bdi>
              </p>
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
      {page?.items.length === 0 && (
        <EmptyState title={word ? t.noSuchChannel : t.allJoined}>
          <button type="button" className="button" onClick={onNew}>
            {t.makeNew}
          </button>
        </EmptyState>
      )}
      {page?.has_more && (
        <button type="button" className="button button-wide" disabled={more.busy} onClick={() => more.run()}>
          {t.more}
        </button>
      )}
    </Dialog>
  )
}
