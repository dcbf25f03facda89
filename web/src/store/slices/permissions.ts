// What the user may do in each chat (`may`). The stream does not carry it: after an event that can
// change it, the client asks the server again, for many chats in one request. The client decides
// nothing itself.
//
// The invariant: an older answer never replaces a newer one or a newer snapshot.
import { type Api, unwrap } from '../../api/client'
import { changesMay } from '../../api/schema'
import type { Event, May, User } from '../../api/types'
import { backoff, pause } from '../retry'
import type { Context, Live, Loaded, ViewOf } from '../slice'
import type { Chats } from './chatFold'

interface State {
  readonly user: User
  readonly chats: Chats
}
interface Needs {
  readonly data: State | null
  readonly partial: boolean
}

/** The limit of one request. */
const IDS_PER_REQUEST = 200
/** Events within this time are followed by one request. */
const DEBOUNCE_MS = 50

/** The chats in which an event can have changed what the user may do. */
export function staleAfter(event: Event, state: State, table: Partial<typeof changesMay> = changesMay): string[] {
  const me = state.user.id
  switch (table[event.type]) {
    case 'chat':
      return 'chat_id' in event ? [event.chat_id] : []
    case 'member':
      return 'member' in event && event.member.user_id === me ? [event.chat_id] : []
    case 'user':
      return 'user' in event && event.user.id === me ? [...state.chats.keys()] : []
    default:
      return []
  }
}

export function withMay<S extends State>(state: S, found: readonly May[]): S {
  const chats = new Map(state.chats)
  for (const { chat_id, may } of found) {
    const item = chats.get(chat_id)
    if (item) chats.set(chat_id, { ...item, may })
  }
  return { ...state, chats }
}

export class Permissions implements Live {
  private readonly api: Api
  private readonly view: ViewOf<Needs>
  private readonly signal: AbortSignal
  private readonly stale = new Set<string>()
  /**
   * Chats that were asked about before their page was loaded: the page can be older than the
   * answer.
   */
  private readonly askedEarly = new Set<string>()
  /** The same for all chats. */
  private allAskedEarly = false
  private running = false
  private snapshots = 0

  constructor({ api, view, signal }: Context<Needs>) {
    this.api = api
    this.view = view
    this.signal = signal
  }

  onEvent(event: Event): void {
    const { data, partial } = this.view.get()
    if (!data) return
    const stale = staleAfter(event, data)
    if (partial && changesMay[event.type] === 'user' && stale.length > 0) this.allAskedEarly = true
    this.refresh(stale)
  }

  onLoaded({ chats = [] }: Loaded): void {
    const ids = chats.map(item => item.chat.id)
    this.refresh(ids.filter(id => this.askedEarly.delete(id) || this.allAskedEarly))
  }

  /** A new snapshot is newer than any answer to a question before it. */
  onSnapshot(): void {
    this.snapshots++
    this.stale.clear()
    this.askedEarly.clear()
    this.allAskedEarly = false
  }

  private refresh(ids: readonly string[]): void {
    for (const id of ids) this.stale.add(id)
    if (this.stale.size > 0 && !this.running) void this.fetch()
  }

  /** Sends one request at a time, so that an older answer never follows a newer one. */
  private async fetch(): Promise<void> {
    this.running = true
    await pause(DEBOUNCE_MS, this.signal)
    for (let failures = 0; this.stale.size > 0 && !this.signal.aborted; ) {
      const { snapshots } = this
      const ids = [...this.stale].slice(0, IDS_PER_REQUEST)
      for (const id of ids) this.stale.delete(id)
      try {
        const { items } = await unwrap(this.api.GET('/api/chat/may', { params: { query: { ids } } }))
        failures = 0
        if (snapshots === this.snapshots) this.applyAnswer(ids, items)
      } catch {
        if (snapshots === this.snapshots) for (const id of ids) this.stale.add(id)
        await pause(backoff(++failures, 1000, Math.random), this.signal)
      }
    }
    this.running = false
  }

  private applyAnswer(ids: readonly string[], found: readonly May[]): void {
    const { data, partial } = this.view.get()
    if (!data) return
    if (partial) for (const id of ids) this.askedEarly.add(id)
    this.view.set({ data: withMay(data, found) })
  }
}

export const permissions = { open: (context: Context<Needs>) => new Permissions(context) }
