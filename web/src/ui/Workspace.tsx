// The window of a signed-in user: the list of chats, the open chat, the side panel, and dialogs over
// them.
import { lazy, Suspense, useEffect, useState } from 'react'
import { deviceStorage } from '../store/storage'
import { useTexts } from '../texts'
import { ConnectionLine } from './ConnectionLine'
import { CopyNotice } from './CopyNotice'
import { byActivity, chatTitle } from './chats'
import { ConfirmDialog, Dialog } from './Dialog'
import { EmptyState } from './EmptyState'
import { ErrorBoundary } from './ErrorBoundary'
import { useFilesLater } from './files'
import { MAC, usePhone, useStore, useView } from './hooks'
import { useShortcuts } from './keyboard'
import { LandmarkContext } from './Menu'
import { useNotifications } from './notifications'
import type { Overlay } from './Overlays'
import { PanelSlot } from './PanelSlot'
import { panelOf, preloadPanels } from './panels'
import { openChat, useRoute } from './route'
import { Splash } from './Splash'
import { StorageNotice } from './StorageNotice'
import { Sidebar } from './sidebar/Sidebar'
import { useUnreadMark } from './unreadMark'

// The chat is half of the code, with Markdown and the virtual list. It is fetched while the first
// snapshot loads.
const chatPane = () => import('./ChatPane').then(module => ({ default: module.ChatPane }))
const ChatPane = lazy(chatPane)

const whenIdle = (work: () => void) => (window.requestIdleCallback ?? setTimeout)(work)
/** Reloads the page, but only if the server can be reached. */
const reload = async () => {
  await fetch('/', { method: 'HEAD', cache: 'no-store' })
  location.reload()
}

export function Workspace() {
  useEffect(() => {
    chatPane().then(
      () => whenIdle(preloadPanels),
      () => undefined,
    )
  }, [])
  const ready = useView(view => view.data !== null)
  const unreachable = useView(view => view.unreachable)
  if (!ready) return <Splash unreachable={unreachable} />
  return <Main />
}

function Main() {
  const t = useTexts()
  const route = useRoute()
  const [overlay, setOverlay] = useState<Overlay | null>(null)
  const [landmark, setLandmark] = useState<HTMLElement | null>(null)
  const chatId = route.page === 'chat' ? route.chatId : null
  const panel = route.page === 'chat' ? route.panel : null
  const isMine = useView(view => chatId !== null && view.data?.chats.has(chatId) === true)
  const hasPanel = isMine && panelOf(panel) !== undefined
  const phone = usePhone()
  useTitle(chatId)
  useUnreadMark()
  useLastChat(chatId)
  useNotifications()
  useFilesLater()

  useShortcuts(chatId, setOverlay)
  const { Overlays, missing } = useOverlays(overlay)

  const close = () => setOverlay(null)
  const visit = (id: string) => {
    close()
    openChat({ chatId: id })
  }
  return (
    <div className="layout" data-open={chatId ? 'chat' : 'list'} data-panel-open={hasPanel || undefined}>
      <ConnectionLine />
      <StorageNotice />
      <Sidebar chatId={chatId} onOverlay={setOverlay} />
      {/* On a phone the panel covers it. */}
      <main className="layout-main" aria-label={t.conversation} ref={setLandmark} inert={phone && hasPanel}>
        <LandmarkContext value={landmark}>
          {chatId ? (
            <ErrorBoundary key={chatId}>
              <Suspense>
                <ChatPane chatId={chatId} seq={route.page === 'chat' ? route.seq : undefined} panel={panel} />
              </Suspense>
            </ErrorBoundary>
          ) : (
            <Welcome onOverlay={setOverlay} />
          )}
        </LandmarkContext>
      </main>
      {chatId && panel && hasPanel && <PanelSlot chatId={chatId} address={panel} />}
      <CopyNotice />
      {overlay && Overlays && <Overlays overlay={overlay} onOverlay={setOverlay} onChat={visit} />}
      {overlay && !Overlays && !missing && (
        // Until the dialog is loaded, an empty one takes the keys that are meant for it.
        <Dialog title={t.loading} onClose={close} className="dialog-s dialog-waiting">
          {null}
        </Dialog>
      )}
      {overlay && missing && (
        <ConfirmDialog title={t.brokenTitle} text={t.brokenText} action={t.reload} onClose={close} onConfirm={reload} />
      )}
    </div>
  )
}

/**
 * Loads the chunk of dialogs: when the browser is idle, or as soon as one is opened. Not by `lazy`,
 * which renders a chunk that is loaded one step later: the menu that opened the dialog would be
 * gone.
 */
function useOverlays(asked: Overlay | null) {
  const [Overlays, setOverlays] = useState<typeof import('./Overlays').Overlays | null>(null)
  const [missing, setMissing] = useState(false)
  const wanted = asked !== null
  useEffect(() => {
    if (Overlays) return
    let gone = false
    setMissing(false)
    const load = () => {
      if (gone) return
      import('./Overlays').then(
        module => !gone && setOverlays(() => module.Overlays),
        () => !gone && setMissing(wanted),
      )
    }
    if (wanted) load()
    else
      chatPane().then(
        () => whenIdle(load),
        () => undefined,
      )
    return () => {
      gone = true
    }
  }, [Overlays, wanted])
  return { Overlays, missing }
}

function Welcome({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const some = useView(view => (view.data?.chats.size ?? 0) > 0)
  return (
    <div className="welcome">
      {some ? (
        <EmptyState page title={t.chooseTitle}>
          {t.chooseText(MAC ? '⌘' : t.keyCaps.Ctrl)}
        </EmptyState>
      ) : (
        <EmptyState page title={t.nobodyTitle}>
          <p>{t.nobodyText}</p>
          <div className="empty-state-actions">
            <button type="button" className="button button-primary" onClick={() => onOverlay('invite')}>
              {t.invitePeople}
            </button>
            <button type="button" className="button" onClick={() => onOverlay('new')}>
              {t.newChat}
            </button>
          </div>
        </EmptyState>
      )}
    </div>
  )
}

const LAST_CHAT_KEY = 'parlor.last_chat'

/** Opens the last chat, or the most active one, where there is room for it beside the sidebar. */
function useLastChat(chatId: string | null): void {
  const store = useStore()
  useEffect(() => {
    if (chatId) {
      deviceStorage.set(LAST_CHAT_KEY, chatId)
      return
    }
    const { data } = store.view.get()
    if (!data || matchMedia('(max-width: 45em)').matches) return
    const last = deviceStorage.get(LAST_CHAT_KEY) ?? ''
    const next = data.chats.has(last) ? last : byActivity(data.chats)[0]?.chat.id
    if (next) openChat({ chatId: next }, true)
  }, [chatId, store])
}

/** Sets the title of the page: the number of unread messages, the chat, the workspace. */
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
