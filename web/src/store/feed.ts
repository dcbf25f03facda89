// Brings the snapshot and every event after it, to each tab of the browser.
//
// One tab, the leader, holds the stream (Web Lock) and sends the events to the others
// (tabs.ts).
//
// The invariant: no event is missed. Events that arrive while a snapshot is loading are queued and
// passed on after it; a tab that cannot tell whether it missed some takes a new snapshot.
import { type Api, unwrap } from '../api/client'
import type { EphemeralEvent, Event, Snapshot } from '../api/types'
import { exclusive } from './locks'
import { backoff, pause } from './retry'
import { type Session, SignedOut } from './session'
import { follow, type StreamStatus } from './stream'
import { connectTabs, type Tabs } from './tabs'

/** So many ids of events are remembered. */
const SEEN_MAX = 4000
/** So many chats the server takes at most in an interest. */
const SHOWN_MAX = 50

/** What tabs send to each other. `hello` asks the leader for the status of the stream. `shows` tells
 *  it the open chat of a tab. */
type TabMessage =
  | { kind: 'event'; event: Event; id: string }
  | { kind: 'ephemeral'; event: EphemeralEvent }
  | { kind: 'cursor'; id: string }
  | { kind: 'status'; status: StreamStatus }
  | { kind: 'lead'; cursor: string }
  | { kind: 'reset' }
  | { kind: 'hello' }
  | { kind: 'shows'; tab: string; chatId: string | null }

export interface FeedOptions {
  session: Session
  api: Api
  /** The id of the user. */
  me: string
  /** The chats that a snapshot has at most. */
  chats: number
  /** The first snapshot, if it was asked for before. */
  early?: Promise<Snapshot> | undefined
  /** Stops the feed. */
  signal: AbortSignal
  /** `first`: there was no snapshot before. */
  onSnapshot: (snapshot: Snapshot, first: boolean) => void
  /** Only after a snapshot. `leads`: this tab is the one that holds the stream. */
  onEvent: (event: Event, leads: boolean) => void
  onEphemeral: (event: EphemeralEvent) => void
  onStatus: (status: StreamStatus) => void
  /** An attempt to load a snapshot failed; it is retried. */
  onUnreachable: () => void
}

export class Feed {
  private readonly options: FeedOptions
  private readonly tabs: Tabs<TabMessage>
  private cursor = ''
  /** The address of the stream, from the snapshot. */
  private streamUrl = ''
  private status: StreamStatus = 'connecting'
  /** Cursors and ids of the events that came since the snapshot. */
  private readonly seen = new Set<string>()
  /** What arrives while a snapshot is loading; null at other times. */
  private queued: TabMessage[] | null = []
  private hasSnapshot = false
  private leading = false
  /** The name of this tab among the tabs. */
  private readonly tab = crypto.randomUUID?.() ?? String(Math.random())
  /** The open chat of each tab, the one that changed last at the end. */
  private readonly shown = new Map<string, string | null>()
  /** The open stream of this tab; null if it has none. */
  private streamId: string | null = null

  constructor(options: FeedOptions) {
    this.options = options
    this.tabs = connectTabs<TabMessage>(`parlor-events-${options.me}`, message => this.receive(message))
    options.signal.addEventListener('abort', () => this.tabs.close(), { once: true })
    void this.run()
  }

  private async run(): Promise<void> {
    const { me, signal } = this.options
    await this.loadSnapshot()
    this.broadcast({ kind: 'hello' })
    await exclusive(`parlor-stream-${me}`, () => this.lead(), signal).catch(() => undefined)
  }

  private async lead(): Promise<void> {
    const { session, signal } = this.options
    this.leading = true
    this.broadcast({ kind: 'lead', cursor: this.cursor })
    while (!signal.aborted) {
      const end = await follow({
        url: () => this.streamUrl,
        token: stale => session.token(stale),
        cursor: () => this.cursor,
        onEvent: (event, id) => this.receiveAndBroadcast({ kind: 'event', event, id }),
        onEphemeral: event => this.receiveAndBroadcast({ kind: 'ephemeral', event }),
        onCursor: id => this.receiveAndBroadcast({ kind: 'cursor', id }),
        onStatus: status => {
          if (status === 'connecting') this.streamId = null
          this.receiveAndBroadcast({ kind: 'status', status })
        },
        onConnected: id => {
          this.streamId = id
          this.tellInterest()
        },
        signal,
      })
      if (end === 'reset') {
        this.broadcast({ kind: 'reset' })
        await this.loadSnapshot()
      } else if (end === 'gone') {
        session.end('ended')
        return
      }
    }
  }

  /** The chat that this tab shows. Only of those that tabs show, ephemeral events come. */
  show(chatId: string | null): void {
    this.receiveAndBroadcast({ kind: 'shows', tab: this.tab, chatId })
  }

  /** Not retried: what is lost by it is only what is true now, and the next stream is told again. */
  private tellInterest(): void {
    if (!this.streamId) return
    const chats = [...new Set(this.shown.values())].filter(id => id !== null)
    const params = { path: { stream_id: this.streamId } }
    this.options.api.PUT('/api/streams/{stream_id}/interest', { params, body: { chats } }).catch(() => undefined)
  }

  private receiveAndBroadcast(message: TabMessage): void {
    this.broadcast(message)
    this.receive(message)
  }

  private broadcast(message: TabMessage): void {
    if (!this.options.signal.aborted) this.tabs.send(message)
  }

  private receive(message: TabMessage): void {
    // A new leader is told what this tab shows.
    if (message.kind === 'lead')
      this.broadcast({ kind: 'shows', tab: this.tab, chatId: this.shown.get(this.tab) ?? null })
    if (message.kind === 'status') {
      if (message.status === 'open') dispatchEvent(new CustomEvent('online'))
      this.status = message.status
      this.options.onStatus(message.status)
    } else if (message.kind === 'hello') {
      if (this.leading) this.broadcast({ kind: 'status', status: this.status })
    } else if (message.kind === 'shows') {
      this.shown.delete(message.tab)
      this.shown.set(message.tab, message.chatId)
      if (this.shown.size > SHOWN_MAX) this.shown.delete(this.shown.keys().next().value as string)
      this.tellInterest()
    } else if (message.kind === 'ephemeral') {
      this.options.onEphemeral(message.event)
    } else if (message.kind === 'reset') {
      void this.loadSnapshot()
    } else if (this.queued) {
      this.queued.push(message)
    } else if (message.kind === 'lead') {
      // The new leader resumes from its own cursor. Unless this tab knows that cursor, it may have
      // missed events.
      if (message.cursor !== this.cursor && !this.seen.has(message.cursor)) void this.loadSnapshot()
    } else {
      this.passOn(message)
    }
  }

  /** Passes each event on once. */
  private passOn(message: Extract<TabMessage, { kind: 'event' | 'cursor' }>): void {
    const { id } = message
    if (message.kind === 'event' && this.seen.has(id)) return
    this.seen.add(id)
    if (this.seen.size > SEEN_MAX) this.seen.delete(this.seen.values().next().value as string)
    this.cursor = id
    if (message.kind === 'event' && this.hasSnapshot) this.options.onEvent(message.event, this.leading)
  }

  /** Loads a snapshot, with retries. */
  private async loadSnapshot(): Promise<void> {
    const { api, chats, signal, onSnapshot, onUnreachable } = this.options
    const ask = () => unwrap(api.GET('/api/sync', { params: { query: { limit: chats } } }))
    const early = this.hasSnapshot ? undefined : this.options.early
    if (this.queued && this.hasSnapshot) return
    this.queued ??= []
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const snapshot = await (failures === 1 && early ? early.catch(ask) : ask())
        this.cursor = snapshot.cursor
        this.streamUrl = snapshot.events_url
        this.seen.clear()
        this.seen.add(snapshot.cursor)
        const first = !this.hasSnapshot
        this.hasSnapshot = true
        onSnapshot(snapshot, first)
        break
      } catch (error) {
        if (error instanceof SignedOut) return
        onUnreachable()
        await pause(backoff(failures, 1000, Math.random), signal)
      }
    }
    const queued = this.queued ?? []
    this.queued = null
    for (const message of queued) this.receive(message)
  }
}
