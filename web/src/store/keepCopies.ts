// Keeps what the window shows, to be read while the server is away (offline.ts).
import type { SignedIn } from '../api/types'
import { keepsCopies, type OfflineCopy, putCopy } from './offline'
import type { MessageWindow } from './slices/windows'
import type { View, ViewHolder } from './view'

/** How much is kept: chats, people, and messages of each conversation that was opened lately. */
const CHATS_MAX = 200
const USERS_MAX = 500
const MESSAGES_MAX = 100
/** The pause after a change before it is kept. */
const KEEP_AFTER_MS = 3000

/** Keeps what the view shows, a moment after each change and when the page is left. */
export function keepCopies(info: () => SignedIn | null, view: ViewHolder<View>, signal: AbortSignal): void {
  if (!keepsCopies()) return
  let timer: ReturnType<typeof setTimeout> | undefined
  const keep = () => {
    timer = undefined
    const copy = signal.aborted ? null : copyOf(info(), view.get())
    if (copy) void putCopy(copy)
  }
  const onChange = () => {
    // What is shown while the server is away is a copy itself.
    if (view.get().stream === 'open') timer ??= setTimeout(keep, KEEP_AFTER_MS)
  }
  const onHidden = () => {
    if (timer === undefined || document.visibilityState === 'visible') return
    clearTimeout(timer)
    keep()
  }
  const unsubscribe = view.subscribe(onChange)
  document.addEventListener('visibilitychange', onHidden)
  signal.addEventListener('abort', () => {
    clearTimeout(timer)
    unsubscribe()
    document.removeEventListener('visibilitychange', onHidden)
  })
}

export function copyOf(info: SignedIn | null, { data, windows }: View): OfflineCopy | null {
  if (!info || !data) return null
  const { user, workspace } = data
  const items = [...data.chats.values()].slice(0, CHATS_MAX)
  return {
    workspace_id: workspace.id,
    kept_at: Date.now(),
    info: { ...info, user, workspace, access_token: '' },
    snapshot: {
      cursor: '',
      events_url: '',
      user,
      workspace,
      chats: { items, has_more: false },
      threads: { items: [...data.threads.values()].slice(0, CHATS_MAX), has_more: false },
    },
    users: [...data.users.values()].slice(-USERS_MAX),
    windows: [...windows].map(([key, window]) => [key, shortened(window)] as const),
  }
}

/** Its newest messages. */
function shortened(window: MessageWindow): MessageWindow {
  if (window.items.length <= MESSAGES_MAX) return window
  return { ...window, items: window.items.slice(-MESSAGES_MAX), before: true }
}
