// The directory of the people of the workspace.
import { UserPlus } from 'lucide-react'
import { useState } from 'react'
import { unwrap } from '../../api/client'
import { useTexts } from '../../texts'
import { Avatar } from '../Avatar'
import { EmptyState } from '../EmptyState'
import { Field, FormError, useAction } from '../forms'
import { useMe, useStore } from '../hooks'
import type { PlaceProps } from '../place'
import { isAdmin } from '../roles'
import { openChat } from '../route'
import { Page, SearchFoot } from './Page'
import { useSearch } from './useSearch'

const PAGE = 50

export function PeoplePage({ onOverlay }: PlaceProps) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const [query, setQuery] = useState('')
  const word = query.trim()
  const search = useSearch(word, after => {
    const wanted = { limit: PAGE, ...(word ? { query: word } : {}), ...(after ? { after } : {}) }
    return unwrap(store.api.GET('/api/users', { params: { query: wanted } }))
  })
  const write = useAction(async (id: string) => openChat({ chatId: await store.chats.openSingle(id) }))
  const shown = search.items?.filter(user => user.active)
  return (
    <Page
      title={t.people}
      actions={
        isAdmin(me) && (
          <button type="button" className="button" onClick={() => onOverlay('invite')}>
            <UserPlus aria-hidden="true" /> {t.invitePeople}
          </button>
        )
      }
    >
      <Field label={t.searchPeople} type="search" value={query} onChange={event => setQuery(event.target.value)} />
      <FormError error={write.error ?? search.error} />
      <ul className="browse-list" aria-busy={!shown}>
        {shown?.map(user => (
          <li key={user.id} className="browse-item">
            <Avatar userId={user.id} size="l" />
            <div className="browse-text">
              <p className="browse-name" dir="auto">
                {user.fullname}
                {user.id === me.id && <span className="member-you">{t.you}</span>}
                {user.role !== 'member' && <span className="tag">{t.roles[user.role]}</span>}
              </p>
              <p className="browse-note" dir="auto">
                {user.email}
                {user.email && !user.email_verified && ` (${t.unverified})`}
              </p>
            </div>
            {user.id !== me.id && (
              <button
                type="button"
                className="button"
                onClick={() => write.run(user.id)}
                aria-label={t.messageTo(user.fullname)}
              >
                {t.message}
              </button>
            )}
          </li>
        ))}
      </ul>
      {shown?.length === 0 && <EmptyState title={t.nobodyCalled} />}
      <SearchFoot search={search} />
    </Page>
  )
}
