// What I may do in each chat. The stream does not tell it: after each event that can change it the
// server is asked, about many chats at once. The server alone decides; nothing in the client does.
import { type Api, unwrap } from '../api/client'
import { changesMay } from '../api/schema'
import type { ChatItem, Event, May } from '../api/types'
import type { State } from './fold'
import { backoff, pause } from './retry'
import type { ViewHolder } from './view'

/** As many as one request may ask about. */
const IDS_PER_REQUEST = 200
/** Events that come together are followed by one question. */
const GATHER_MS = 50

/** The chats in which an event can have changed what I may do. */
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
  /** Asked about while pages of chats were coming, which can be older than the answer. */
  private readonly early = new Set<string>()
  /** The same for every chat. */
  private allEarly = false
  private asking = false
  private snapshots = 0

  constructor(api: Api, view: ViewHolder, signal: AbortSignal) {
    this.api = api
    this.view = view
    this.signal = signal
  }

  /** To be told of each event after it was applied. */
  saw(event: Event): void {
    const { data, partial } = this.view.get()
    if (!data) return
    const stale = staleAfter(event, data)
    if (partial && changesMay[event.type] === 'user' && stale.length > 0) this.allEarly = true
    this.want(stale)
  }

  /** These chats came with a page. */
  arrived(items: readonly ChatItem[]): void {
    const ids = items.map(item => item.chat.id)
    this.want(ids.filter(id => this.early.delete(id) || this.allEarly))
  }

  /** A snapshot is newer than whatever was asked before it. */
  forget(): void {
    this.snapshots++
    this.stale.clear()
    this.early.clear()
    this.allEarly = false
  }

  private want(ids: readonly string[]): void {
    for (const id of ids) this.stale.add(id)
    if (this.stale.size > 0 && !this.asking) void this.ask()
  }

  /** One question at a time, so that an older answer never follows a newer one. */
  private async ask(): Promise<void> {
    this.asking = true
    await pause(GATHER_MS, this.signal)
    for (let failures = 0; this.stale.size > 0 && !this.signal.aborted; ) {
      const { snapshots } = this
      const ids = [...this.stale].slice(0, IDS_PER_REQUEST)
      for (const id of ids) this.stale.delete(id)
      try {
        const { items } = await unwrap(this.api.GET('/api/chat/may', { params: { query: { ids } } }))
        failures = 0
        if (snapshots === this.snapshots) this.learn(ids, items)
      } catch {
        if (snapshots === this.snapshots) for (const id of ids) this.stale.add(id)
        await pause(backoff(++failures, 1000, Math.random), this.signal)
      }
    }
    this.asking = false
  }

  private learn(ids: readonly string[], found: readonly May[]): void {
    const { data, partial } = this.view.get()
    if (!data) return
    if (partial) for (const id of ids) this.early.add(id)
    this.view.set({ data: withMay(data, found) })
  }
}
