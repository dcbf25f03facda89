// The window of a signed-in user: the bar at the top, the rail, the list of chats, the main place, the
// side panel, and dialogs over them.
import { type CSSProperties, lazy, Suspense, useEffect, useState } from 'react'
import { deviceStorage } from '../store/storage'
import { useTexts } from '../texts'
import { ConnectionLine } from './ConnectionLine'
import { CopyNotice } from './CopyNotice'
import { byActivity, chatTitle, isForMe } from './chats'
import { ConfirmDialog, Dialog } from './Dialog'
import { ErrorBoundary } from './ErrorBoundary'
import { useFilesLater } from './files'
import { OVERLAID, useMedia, useStore, useView } from './hooks'
import { useShortcuts } from './keyboard'
import { LandmarkContext } from './Menu'
import { useNotifications } from './notifications'
import type { Overlay } from './Overlays'
import { PanelSlot } from './PanelSlot'
import { panelOf, preloadPanels } from './panels'
import { placeOf, preloadPlaces } from './places'
import { Rail } from './Rail'
import { openChat, type Route, useRoute } from './route'
import { Splash } from './Splash'
import { StorageNotice } from './StorageNotice'
import { useListWidth } from './sidebar/listWidth'
import { Sidebar } from './sidebar/Sidebar'
import { TabBar } from './TabBar'
import { TopBar } from './TopBar'
import { useUnreadMark } from './unreadMark'

// The chat is half of the code, with Markdown and the virtual list. It is fetched while the first
// snapshot loads.
const chatPane = () => import('./ChatPane').then(module => ({ default: module.ChatPane }))
const ChatPane = lazy(chatPane)
const HomePage = lazy(() => import('./pages/HomePage').then(module => ({ default: module.HomePage })))

const preload = () => {
  preloadPanels()
  preloadPlaces()
}
const whenIdle = (work: () => void) => (window.requestIdleCallback ?? setTimeout)(work)
/** Reloads the page, but only if the server can be reached. */
const reload = async () => {
  await fetch('/', { method: 'HEAD', cache: 'no-store' })
  location.reload()
}

export function Workspace() {
  useEffect(() => {
    chatPane().then(
      () => whenIdle(preload),
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
  const place = placeOf(route)
  const isMine = useView(view => chatId !== null && view.data?.chats.has(chatId) === true)
  const hasPanel = isMine && panelOf(panel) !== undefined
  const overlaid = useMedia(OVERLAID)
  const width = useListWidth()
  const home = chatId === null && place === undefined
  const isEmpty = useView(view => view.data?.chats.size === 0)
  useTitle(chatId, place?.label(t))
  useUnreadMark()
  useLastChat(chatId, home)
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
    <div
      className="layout"
      data-open={chatId ? 'chat' : place ? 'place' : isEmpty ? 'home' : 'list'}
      data-list={place?.hasList === false ? 'none' : undefined}
      data-sub={isSubpage(route) || undefined}
      style={{ '--list': `${width}rem` } as CSSProperties}
    >
      <ConnectionLine />
      <StorageNotice />
      <TopBar onOverlay={setOverlay} />
      <Rail route={route} onOverlay={setOverlay} />
      {place?.hasList !== false && <Sidebar chatId={chatId} alone={home && !isEmpty} onOverlay={setOverlay} />}
      <main className="layout-main" aria-label={chatId ? t.conversation : undefined} ref={setLandmark}>
        <LandmarkContext value={landmark}>
          {/* Where the panel lies over it, it is out of reach. */}
          <div className="layout-inner" inert={overlaid && hasPanel}>
            {chatId ? (
              <ErrorBoundary key={chatId}>
                <Suspense>
                  <ChatPane chatId={chatId} seq={route.page === 'chat' ? route.seq : undefined} panel={panel} />
                </Suspense>
              </ErrorBoundary>
            ) : place && route.page === 'place' ? (
              <ErrorBoundary key={route.place}>
                <Suspense>
                  <place.Place argument={route.argument} onOverlay={setOverlay} />
                </Suspense>
              </ErrorBoundary>
            ) : (
              <Suspense>
                <HomePage onOverlay={setOverlay} />
              </Suspense>
            )}
          </div>
        </LandmarkContext>
      </main>
      {chatId && panel && hasPanel && <PanelSlot chatId={chatId} address={panel} />}
      <TabBar route={route} />
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

/** On a phone, a page that one comes to from another one, and goes back from. */
function isSubpage(route: Route): boolean {
  return route.page === 'chat' || (route.page === 'place' && route.argument !== null)
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

const lastChatKey = (workspace: string) => `parlor.last_chat.${workspace}`

/** Opens the last chat, or the most active one, where there is room for it beside the sidebar. */
function useLastChat(chatId: string | null, home: boolean): void {
  const store = useStore()
  useEffect(() => {
    const { data } = store.view.get()
    if (data && chatId) deviceStorage.set(lastChatKey(data.workspace.id), chatId)
    if (!data || !home || matchMedia('(max-width: 45em)').matches) return
    const last = deviceStorage.get(lastChatKey(data.workspace.id)) ?? ''
    const next = data.chats.has(last) ? last : byActivity(data.chats)[0]?.chat.id
    if (next) openChat({ chatId: next }, true)
  }, [chatId, home, store])
}

/** Sets the title of the page: the number of unread messages for the user, the chat, the workspace. */
function useTitle(chatId: string | null, place: string | undefined): void {
  const unread = useView(view => {
    let count = 0
    for (const item of view.data?.chats.values() ?? []) if (isForMe(item)) count += item.unread_count
    return count
  })
  const workspace = useView(view => view.data?.workspace.name ?? 'Parlor')
  const name = useView(({ data }) => {
    const item = chatId ? data?.chats.get(chatId) : undefined
    return data && item ? chatTitle(item, data.user.id, data.users) : null
  })
  useEffect(() => {
    const parts = [name ?? place, workspace].filter(Boolean)
    document.title = `${unread > 0 ? `(${unread > 99 ? '99+' : unread}) ` : ''}${parts.join(' · ')}`
  }, [unread, workspace, name, place])
}
