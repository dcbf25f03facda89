// What the user may do in each chat (`may`). The stream does not carry it: after an event that can
// change it, the client asks the server again, for many chats in one request. The client decides
// nothing itself.
//
// The invariant: an older answer never replaces a newer one or a newer snapshot.
import { type Api, unwrap } from '../api/client'
import { changesMay } from '../api/schema'
import type { ChatItem, Event, May } from '../api/types'
import type { State } from './fold'
import { backoff, pause } from './retry'
import type { ViewHolder } from './view'

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

export function withMay(state: State, found: readonly May[]): State {
  const chats = new Map(state.chats)
  for (const { chat_id, may } of found) {
    const item = chats.get(chat_id)
    if (item) chats.set(chat_id, { ...item, may })
  }
  return { ...state, chats }
}

export class Permissions {
  private readonly api: Api
  private readonly view: ViewHolder
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

  constructor(api: Api, view: ViewHolder, signal: AbortSignal) {
    this.api = api
    this.view = view
    this.signal = signal
  }

  /** To be called with each event after it was applied. */
  handleEvent(event: Event): void {
    const { data, partial } = this.view.get()
    if (!data) return
    const stale = staleAfter(event, data)
    if (partial && changesMay[event.type] === 'user' && stale.length > 0) this.allAskedEarly = true
    this.refresh(stale)
  }

  /** To be called after a page of chats was added to the state. */
  pageLoaded(items: readonly ChatItem[]): void {
    const ids = items.map(item => item.chat.id)
    this.refresh(ids.filter(id => this.askedEarly.delete(id) || this.allAskedEarly))
  }

  /** To be called for a new snapshot, which is newer than any answer to a question before it. */
  reset(): void {
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
