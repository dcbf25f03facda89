// The window of somebody who is signed in: the list of chats, the one that is open, and what opens over them.
import { lazy, Suspense, useEffect, useState } from 'react'
import { useTexts } from '../texts'
import { Splash } from './App'
import { Guard } from './Broken'
import { Empty, LandmarkContext } from './bits'
import { Clipboard } from './Clipboard'
import { ConnectionLine } from './ConnectionLine'
import { BrowseChannels } from './dialogs/BrowseChannels'
import { InvitePeople } from './dialogs/InvitePeople'
import { NewChat } from './dialogs/NewChat'
import { NewWorkspace } from './dialogs/NewWorkspace'
import { MAC, useStore, useView } from './hooks'
import { byActivity, chatTitle } from './names'
import { useNotifications } from './notifications'
import { QuickSwitcher } from './QuickSwitcher'
import { go, useRoute } from './route'
import { Settings } from './Settings'
import { Shortcuts, useShortcuts } from './Shortcuts'
import { Sidebar } from './Sidebar'

// Markdown and the scroller are the heavier half; they come while the first snapshot is fetched.
const chatPane = () => import('./ChatPane').then(module => ({ default: module.ChatPane }))
const ChatPane = lazy(chatPane)

export type Overlay = 'switcher' | 'new' | 'browse' | 'invite' | 'shortcuts' | 'settings' | 'workspace' | null

export function Workspace() {
  useEffect(() => void chatPane().catch(() => undefined), [])
  const ready = useView(view => view.data !== null)
  const trouble = useView(view => view.trouble)
  if (!ready) return <Splash unreachable={trouble} />
  return <Rooms />
}

function Rooms() {
  const t = useTexts()
  const route = useRoute()
  const [overlay, setOverlay] = useState<Overlay>(null)
  const [landmark, setLandmark] = useState<HTMLElement | null>(null)
  const chatId = route.page === 'chat' ? route.chatId : null
  useTitle(chatId)
  useLastChat(chatId)
  useNotifications()

  useShortcuts(chatId, setOverlay)

  const close = () => setOverlay(null)
  const visit = (id: string) => {
    close()
    go(`/c/${id}`)
  }
  return (
    <div className="rooms" data-open={chatId ? 'chat' : 'list'}>
      <ConnectionLine />
      <Sidebar chatId={chatId} onOverlay={setOverlay} />
      <main className="room" aria-label={t.conversation} ref={setLandmark}>
        <LandmarkContext value={landmark}>
          {chatId ? (
            <Guard key={chatId}>
              <Suspense>
                <ChatPane chatId={chatId} seq={route.page === 'chat' ? route.seq : undefined} />
              </Suspense>
            </Guard>
          ) : (
            <Welcome onOverlay={setOverlay} />
          )}
        </LandmarkContext>
      </main>
      <Clipboard />
      {overlay === 'switcher' && <QuickSwitcher onClose={close} onChat={visit} />}
      {overlay === 'new' && <NewChat onClose={close} onChat={visit} />}
      {overlay === 'browse' && <BrowseChannels onClose={close} onChat={visit} onNew={() => setOverlay('new')} />}
      {overlay === 'invite' && <InvitePeople onClose={close} />}
      {overlay === 'workspace' && <NewWorkspace onClose={close} />}
      {overlay === 'settings' && <Settings onClose={close} />}
      {overlay === 'shortcuts' && <Shortcuts onClose={close} />}
    </div>
  )
}

function Welcome({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const some = useView(view => (view.data?.chats.size ?? 0) > 0)
  return (
    <div className="welcome">
      {some ? (
        <Empty page title={t.chooseTitle}>
          {t.chooseText(MAC ? '⌘' : t.keyCaps.Ctrl)}
        </Empty>
      ) : (
        <Empty page title={t.nobodyTitle}>
          <p>{t.nobodyText}</p>
          <div className="empty-actions">
            <button type="button" className="button button-primary" onClick={() => onOverlay('invite')}>
              {t.invitePeople}
            </button>
            <button type="button" className="button" onClick={() => onOverlay('new')}>
              {t.newChat}
            </button>
          </div>
        </Empty>
      )}
    </div>
  )
}

const LAST_KEY = 'parlor.last_chat'

/** Where there is room for both, the list alone is no use: one goes on where one was, or where something happened last. */
function useLastChat(chatId: string | null): void {
  const store = useStore()
  useEffect(() => {
    if (chatId) {
      localStorage.setItem(LAST_KEY, chatId)
      return
    }
    const { data } = store.view.get()
    if (!data || !matchMedia('(min-width: 721px)').matches) return
    const last = localStorage.getItem(LAST_KEY) ?? ''
    const next = data.chats.has(last) ? last : byActivity(data.chats)[0]?.chat.id
    if (next) go(`/c/${next}`, true)
  }, [chatId, store])
}

/** The tab says how much is unread, and where one is. */
function useTitle(chatId: string | null): void {
  const unread = useView(view => {
    let count = 0
    for (const item of view.data?.chats.values() ?? []) count += item.unread_count
    return count
  })
  const workspace = useView(view => view.data?.workspace.name ?? 'Parlor')
  const name = useView(({ data }) => {
    const item = chatId ? data?.chats.get(chatId) : undefined
    return data && item ? chatTitle(item, data.user.id, data.users) : null
  })
  useEffect(() => {
    document.title = `${unread > 0 ? `(${unread > 99 ? '99+' : unread}) ` : ''}${name ? `${name} · ` : ''}${workspace}`
  }, [unread, workspace, name])
}
