// The home of a workspace for a user who is in no chat yet: what there is to join, and to whom one can
// write. It offers only what the user may do.
import { Hash } from 'lucide-react'
import { useEffect, useState } from 'react'
import { unwrap } from '../../api/client'
import type { Chat, User } from '../../api/types'
import { useTexts } from '../../texts'
import { Avatar } from '../Avatar'
import { FormError, useAction } from '../forms'
import { useMe, useStore, useView } from '../hooks'
import { Link } from '../Link'
import type { Overlay } from '../Overlays'
import { isAdmin } from '../roles'
import { chatPath, openChat, placePath } from '../route'

const SHOWN_MAX = 8
/** No event tells of channels that the user is not in. */
const REFRESH_MS = 15_000

export function HomePage({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const workspace = useView(view => view.data?.workspace.name ?? '')
  const known = useView(view => view.data?.users.size)
  const [found, setFound] = useState<{ channels: Chat[]; people: User[] } | null>(null)
  const load = useAction(async () => {
    const query = { limit: SHOWN_MAX + 1 }
    const [channels, users] = await Promise.all([
      unwrap(store.api.GET('/api/channels', { params: { query } })),
      unwrap(store.api.GET('/api/users', { params: { query } })),
    ])
    const people = users.items.filter(user => user.active && user.id !== me.id)
    setFound({ channels: channels.items.slice(0, SHOWN_MAX), people: people.slice(0, SHOWN_MAX) })
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: again when a user has joined
  useEffect(() => {
    load.run()
    const timer = setInterval(load.run, REFRESH_MS)
    addEventListener('focus', load.run)
    return () => {
      clearInterval(timer)
      removeEventListener('focus', load.run)
    }
  }, [store, known])
  const join = useAction(async (id: string) => {
    store.chats.add(await unwrap(store.api.POST('/api/chat/{id}/join', { params: { path: { id } } })))
    openChat({ chatId: id })
  })
  const write = useAction(async (id: string) => openChat({ chatId: await store.chats.openSingle(id) }))
  const mayInvite = isAdmin(me)
  const alone = found?.people.length === 0
  return (
    <div className="page page-scroll">
      <div className="page-column home">
        <h1 dir="auto">{t.welcomeTo(workspace)}</h1>
        <p className="home-lead">{mayInvite ? (alone ? t.welcomeAlone : t.welcomeAdmin) : t.welcomeMember}</p>
        <div className="settings-actions">
          {mayInvite && (
            <button type="button" className="button button-primary" onClick={() => onOverlay('invite')}>
              {t.invitePeople}
            </button>
          )}
          <button type="button" className="button" onClick={() => onOverlay('new')}>
            {t.createChannel}
          </button>
        </div>
        <FormError error={join.error ?? write.error ?? load.error} />
        {found && found.channels.length > 0 && (
          <section>
            <h2>{t.channelsToJoin}</h2>
            <ul className="browse-list">
              {found.channels.map(chat => (
                <li key={chat.id} className="browse-item">
                  <div className="browse-text">
                    <Link className="browse-name" to={chatPath({ chatId: chat.id })}>
                      <Hash aria-hidden="true" />
                      <bdi>{chat.name}</bdi>
                    </Link>
                    <p className="browse-note">{t.memberCount(chat.member_count)}</p>
                  </div>
                  <button
                    type="button"
                    className="button"
                    aria-label={t.joinChannel(chat.name ?? '')}
                    onClick={() => join.run(chat.id)}
                  >
                    {t.join}
                  </button>
                </li>
              ))}
            </ul>
            <Link to={placePath('channels')}>{t.allChannels}</Link>
          </section>
        )}
        {found && !alone && (
          <section>
            <h2>{t.peopleHere}</h2>
            <ul className="browse-list">
              {found.people.map(user => (
                <li key={user.id} className="browse-item">
                  <Avatar userId={user.id} size="m" />
                  <p className="browse-text browse-name" dir="auto">
                    {user.fullname}
                  </p>
                  <button
                    type="button"
                    className="button"
                    aria-label={t.messageTo(user.fullname)}
                    onClick={() => write.run(user.id)}
                  >
                    {t.message}
                  </button>
                </li>
              ))}
            </ul>
            <Link to={placePath('people')}>{t.allPeople}</Link>
          </section>
        )}
      </div>
    </div>
  )
}
