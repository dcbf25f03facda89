// The addresses of the client: what they mean, and navigation. Nothing else builds or parses one.
//
//   /w/{workspace}                       the home of a workspace
//   /w/{workspace}/c/{chat}              a chat
//   /w/{workspace}/c/{chat}/{seq}        a message of it
//   /w/{workspace}/{place}/{page}        another place (places.ts), such as the settings
//   ?panel={kind}[:{argument}]           the side panel beside a chat
//
// An address without a workspace (`/`, `/c/{chat}`, `/settings/{page}`) is completed with the one
// that was used last.
//
// The invariants: a page is in one workspace until it is loaded again, so no state of one is ever
// shown in another. Opening a panel adds an entry to the history and closing it takes that entry
// away, so that "back" closes a panel and leaves the messages where they are.
import { useMemo, useSyncExternalStore } from 'react'
import type { Message } from '../api/types'
import { isInMainLine } from '../store/conversation'
import { afterReturn, isDialogEntry } from './dialogEntry'

/** A panel by its kind (`panels.ts`), and what it is about. Both may be anything: links are input. */
export interface PanelAddress {
  readonly kind: string
  readonly argument: string | null
}

export interface ChatAddress {
  /** Without it, the workspace of the page. */
  readonly workspace?: string | null
  readonly chatId: string
  /** The message to go to. */
  readonly seq?: number | undefined
  readonly panel?: PanelAddress | null
}

/** What is in the main place of a workspace's window. */
export type Place =
  | { page: 'home' }
  | { page: 'chat'; chatId: string; seq: number | undefined; panel: PanelAddress | null }
  /** Any name: links are input. */
  | { page: 'place'; place: string; argument: string | null }

export type Route =
  | { page: 'signin' | 'signup'; invite: string | null }
  | { page: 'forgot' }
  /** The code of a mail is in the fragment, which goes to no server. */
  | { page: 'reset' | 'verify'; code: string }
  | (Place & { workspace: string | null })

export function parseRoute(path: string, search: string, hash = ''): Route {
  const parts = path.split('/').filter(Boolean)
  const [first, second] = parts
  const query = new URLSearchParams(search)
  if (first === 'signin' || first === 'signup') return { page: first, invite: query.get('invite') }
  if (first === 'forgot') return { page: 'forgot' }
  if (first === 'reset' || first === 'verify') return { page: first, code: hash.replace(/^#/, '') }
  if (first === 'w' && second) return { ...parsePlace(parts.slice(2), query), workspace: second }
  return { ...parsePlace(parts, query), workspace: null }
}

function parsePlace([place, argument, third]: string[], query: URLSearchParams): Place {
  if (place === 'c' && argument) {
    const seq = Number(third)
    return {
      page: 'chat',
      chatId: argument,
      seq: Number.isInteger(seq) && seq > 0 ? seq : undefined,
      panel: parsePanel(query.get('panel')),
    }
  }
  return place && place !== 'c' ? { page: 'place', place, argument: argument ?? null } : { page: 'home' }
}

function parsePanel(text: string | null): PanelAddress | null {
  if (!text) return null
  const colon = text.indexOf(':')
  return colon < 0 ? { kind: text, argument: null } : { kind: text.slice(0, colon), argument: text.slice(colon + 1) }
}

/** The workspace that the address names; null if it names none. */
export function workspaceOfAddress(): string | null {
  const route = currentRoute()
  return 'workspace' in route ? route.workspace : null
}

/** The path of the page to sign in or up; it carries the invitation along. */
export function signInPath(page: 'signin' | 'signup', invite: string | null): string {
  return `/${page}${invite ? `?invite=${encodeURIComponent(invite)}` : ''}`
}

function workspacePath(workspace: string | null): string {
  return workspace === null ? '' : `/w/${workspace}`
}

/** The path of a workspace's home; without an id, that of the page's workspace. */
export function homePath(workspace = workspaceOfAddress()): string {
  return workspacePath(workspace) || '/'
}

export function placePath(place: string, argument: string | null = null): string {
  return `${workspacePath(workspaceOfAddress())}/${place}${argument === null ? '' : `/${argument}`}`
}

export function chatPath({ workspace = workspaceOfAddress(), chatId, seq, panel }: ChatAddress): string {
  const path = `${workspacePath(workspace)}/c/${chatId}${seq === undefined ? '' : `/${seq}`}`
  if (!panel) return path
  const argument = panel.argument === null ? '' : `:${encodeURIComponent(panel.argument)}`
  return `${path}?panel=${encodeURIComponent(panel.kind)}${argument}`
}

/** Where a message is read: in the main line, or in the thread that it stands in alone. */
export function addressOf(message: Message): ChatAddress {
  const { chat_id: chatId, seq, root_id, thread_no } = message
  if (!root_id || isInMainLine(message)) return { chatId, seq }
  return { chatId, panel: { kind: 'thread', argument: `${root_id}/${thread_no}` } }
}

/** The address of the page, in the given workspace. */
export function pathInWorkspace(workspace: string): string {
  const rest = location.pathname.replace(/^\/w\/[^/]+/, '')
  return workspacePath(workspace) + (rest === '/' ? '' : rest) + location.search
}

/** What a link to a chat or message of this server leads to; undefined for any other link. */
export function chatOfLink(href: string | undefined, origin = location.origin): ChatAddress | undefined {
  if (!href?.startsWith(`${origin}/`)) return undefined
  const { pathname, search } = new URL(href)
  const route = parseRoute(pathname, search)
  if (route.page !== 'chat') return undefined
  const { workspace, chatId, seq, panel } = route
  return { chatId, seq, ...(workspace ? { workspace } : {}), ...(panel ? { panel } : {}) }
}

const MOVED = 'parlor-moved'

/** What an entry of the history keeps. */
interface EntryState {
  /** How many entries back there was no panel yet. */
  readonly panelEntries?: number
  /** The path of the entry before it. */
  readonly from?: string
}

/**
 * Counts navigations. Navigating to the same message again counts too: the user may have scrolled
 * away from it. Opening and closing a panel does not count.
 */
let navigations = 0
/** The route before the last move, for `followHistory`. */
let last: Route | undefined
/** Whether the panel is being closed: going back takes a moment. */
let closing = false

function currentRoute(): Route {
  return parseRoute(location.pathname, location.search)
}

function currentState(): EntryState {
  return (history.state ?? {}) as EntryState
}

function move(path: string, state: EntryState, replace: boolean): void {
  const now = location.pathname + location.search
  afterReturn(() => {
    if (replace) history.replaceState({ ...currentState(), panelEntries: undefined, ...state }, '', path)
    else if (isDialogEntry()) history.replaceState({ ...state, from: now }, '', path)
    else if (path !== now) history.pushState({ ...state, from: now }, '', path)
    moved()
  })
}

function moved(): void {
  closing = false
  last = currentRoute()
  dispatchEvent(new CustomEvent(MOVED))
}

export function go(path: string, replace = false): void {
  navigations++
  move(path, {}, replace)
}

/** To a page above this one: back, if one came from there. */
export function goUp(path: string): void {
  if (currentState().from === path) history.back()
  else go(path, true)
}

/** Opens a chat. The panel stays if the chat is open already, unless another one is named. */
export function openChat(to: ChatAddress, replace = false): void {
  const now = currentRoute()
  if (to.workspace && to.workspace !== workspaceOfAddress()) {
    location.assign(chatPath(to))
    return
  }
  const isOpen = now.page === 'chat' && now.chatId === to.chatId
  const panel = to.panel === undefined && isOpen ? now.panel : to.panel
  navigations++
  move(chatPath({ ...to, panel }), replace && panel ? currentState() : {}, replace)
}

/** Opens a panel beside the open chat, in the place of another one. */
export function openPanel(panel: PanelAddress): void {
  const now = currentRoute()
  if (now.page !== 'chat') return
  const entries = now.panel ? currentState().panelEntries : 0
  move(chatPath({ ...now, panel }), entries === undefined ? {} : { panelEntries: entries + 1 }, false)
}

/** The same panel about something else, without an entry of its own in the history. */
export function replacePanel(panel: PanelAddress): void {
  const now = currentRoute()
  if (now.page === 'chat') move(chatPath({ ...now, panel }), currentState(), true)
}

/** Closes the panel: back to before it was opened, if it was opened from here. */
export function closePanel(): void {
  const now = currentRoute()
  if (now.page !== 'chat' || !now.panel || closing) return
  const { panelEntries } = currentState()
  if (panelEntries === undefined) {
    move(chatPath({ ...now, panel: null }), {}, true)
  } else {
    closing = true
    history.go(-panelEntries)
  }
}

/**
 * To be called once, before anything is rendered. Going back from a panel leaves the messages where
 * they are, although the entry before it may name a message that the user has scrolled away from.
 */
export function followHistory(): void {
  last = currentRoute()
  addEventListener('popstate', () => {
    const [before, now] = [last, currentRoute()]
    if (before?.page === 'chat' && now.page === 'chat' && before.chatId === now.chatId)
      if (before.panel && !now.panel && before.seq !== now.seq)
        history.replaceState(history.state, '', chatPath({ chatId: now.chatId, seq: before.seq }))
    moved()
  })
}

function subscribe(listener: () => void): () => void {
  addEventListener(MOVED, listener)
  return () => removeEventListener(MOVED, listener)
}

export function useRoute(): Route {
  const address = useSyncExternalStore(subscribe, () => `${location.pathname}\n${location.search}\n${location.hash}`)
  return useMemo(() => {
    const [path = '/', search = '', hash = ''] = address.split('\n')
    return parseRoute(path, search, hash)
  }, [address])
}

export function useNavigationCount(): number {
  return useSyncExternalStore(subscribe, () => navigations)
}
