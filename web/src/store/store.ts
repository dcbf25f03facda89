// The store: loads the snapshot, applies the events of the stream to it, and owns the parts that
// keep messages, users, permissions, drafts and unsent messages. It renders nothing.
//
// One tab of the browser, the leader, holds the stream (Web Lock) and sends the events to the
// others (BroadcastChannel).
//
// The invariant: no event is missed. Events that arrive while a snapshot is loading are queued and
// applied after it; a tab that cannot tell whether it missed some takes a new snapshot.
import { type Api, ApiError, connectApi, unwrap } from '../api/client'
import type { ChatItem, Event, Message } from '../api/types'
import { Drafts } from './drafts'
import { apply, fromSnapshot, Paging } from './fold'
import { exclusive } from './locks'
import { Messages } from './messages'
import { Outbox, type Outgoing, SendRefused } from './outbox'
import { People } from './people'
import { Permissions } from './permissions'
import { ReadPositions } from './readPositions'
import { backoff, pause } from './retry'
import { type Session, SignedOut } from './session'
import { keyValueStorage } from './storage'
import { follow, type StreamStatus } from './stream'
import { ViewHolder } from './view'

const CHATS_PER_PAGE = 200
/** More chats than the server lets a user be in. */
const CHATS_MAX = 4000
/** So many ids of applied events are remembered. */
const SEEN_MAX = 4000

/** What tabs send to each other. `hello` asks the leader for the status of the stream. */
type TabMessage =
  | { kind: 'event'; event: Event; id: string | null }
  | { kind: 'cursor'; id: string }
  | { kind: 'status'; status: StreamStatus }
  | { kind: 'lead'; cursor: string }
  | { kind: 'reset' }
  | { kind: 'hello' }

export class Store {
  readonly api: Api
  readonly view = new ViewHolder()
  readonly people: People
  readonly messages: Messages
  readonly readPositions: ReadPositions
  readonly outbox: Outbox
  readonly drafts: Drafts
  private readonly permissions: Permissions
  private readonly session: Session
  private readonly messageListeners = new Set<(message: Message) => unknown>()
  private readonly stop = new AbortController()
  private readonly tabs: BroadcastChannel
  private readonly me: string
  private cursor = ''
  /** The address of the stream, from the snapshot. */
  private streamUrl = ''
  /** Cursors and ids of the events that were applied since the snapshot. */
  private readonly seen = new Set<string>()
  /** What arrives while a snapshot is loading; null at other times. */
  private queued: TabMessage[] | null = []
  private paging: Paging | null = null
  private leading = false

  constructor(session: Session) {
    this.session = session
    const info = session.info
    if (!info) throw new SignedOut()
    this.me = info.user.id
    this.api = connectApi(session)
    this.tabs = new BroadcastChannel(`parlor-events-${this.me}`)
    this.tabs.onmessage = ({ data }: MessageEvent<TabMessage>) => this.receive(data)
    this.outbox = new Outbox({
      storage: keyValueStorage(localStorage),
      prefix: `parlor.out.${this.me}.`,
      send: entry => this.send(entry),
      exclusive: (chatId, work) => exclusive(`parlor-send-${chatId}`, work),
      pause: failures => pause(backoff(failures, 1000, Math.random) / 2, this.stop.signal),
      onChange: () => queueMicrotask(() => this.view.set({ outgoing: this.outbox.list() })),
    })
    this.drafts = new Drafts(keyValueStorage(localStorage), `parlor.draft.${this.me}.`)
    this.people = new People(this.api, this.view, this.stop.signal)
    this.permissions = new Permissions(this.api, this.view, this.stop.signal)
    this.messages = new Messages(this.api, this.view, this.outbox)
    this.readPositions = new ReadPositions(this.api, this.view, this.stop.signal)
    addEventListener('storage', this.onStorage)
    void this.run()
  }

  close(): void {
    this.stop.abort()
    this.outbox.stop()
    this.tabs.close()
    removeEventListener('storage', this.onStorage)
  }

  /** Calls `listener` for each new message of another user, in the leading tab only. */
  onMessage(listener: (message: Message) => unknown): () => void {
    this.messageListeners.add(listener)
    return () => this.messageListeners.delete(listener)
  }

  // ---- the stream ----

  private async run(): Promise<void> {
    await this.loadSnapshot()
    this.broadcast({ kind: 'hello' })
    await exclusive(`parlor-stream-${this.me}`, () => this.lead(), this.stop.signal).catch(() => undefined)
  }

  private async lead(): Promise<void> {
    this.leading = true
    this.broadcast({ kind: 'lead', cursor: this.cursor })
    while (!this.stop.signal.aborted) {
      const end = await follow({
        url: () => this.streamUrl,
        token: stale => this.session.token(stale),
        cursor: () => this.cursor,
        onEvent: (event, id) => this.receiveAndBroadcast({ kind: 'event', event, id }),
        onCursor: id => this.receiveAndBroadcast({ kind: 'cursor', id }),
        onStatus: status => this.receiveAndBroadcast({ kind: 'status', status }),
        signal: this.stop.signal,
      })
      if (end === 'reset') {
        this.broadcast({ kind: 'reset' })
        await this.loadSnapshot()
      } else if (end === 'gone') {
        this.session.end('ended')
        return
      }
    }
  }

  private receiveAndBroadcast(message: TabMessage): void {
    this.broadcast(message)
    this.receive(message)
  }

  private broadcast(message: TabMessage): void {
    if (!this.stop.signal.aborted) this.tabs.postMessage(message)
  }

  private receive(message: TabMessage): void {
    if (message.kind === 'status') {
      if (message.status === 'open') dispatchEvent(new CustomEvent('online'))
      this.view.set({ stream: message.status })
    } else if (message.kind === 'hello') {
      if (this.leading) this.broadcast({ kind: 'status', status: this.view.get().stream })
    } else if (message.kind === 'reset') {
      void this.loadSnapshot()
    } else if (this.queued) {
      this.queued.push(message)
    } else if (message.kind === 'lead') {
      // The new leader resumes from its own cursor. Unless this tab knows that cursor, it may have
      // missed events.
      if (message.cursor !== this.cursor && !this.seen.has(message.cursor)) void this.loadSnapshot()
    } else {
      this.applyOnce(message)
    }
  }

  private applyOnce(message: Extract<TabMessage, { kind: 'event' | 'cursor' }>): void {
    const { id } = message
    if (id) {
      if (message.kind === 'event' && this.seen.has(id)) return
      this.seen.add(id)
      if (this.seen.size > SEEN_MAX) this.seen.delete(this.seen.values().next().value as string)
      this.cursor = id
    }
    if (message.kind === 'event') this.applyEvent(message.event)
  }

  private applyEvent(event: Event): void {
    const { data } = this.view.get()
    if (!data) return
    this.paging?.saw(event)
    this.view.set({ data: apply(data, event) })
    this.permissions.handleEvent(event)
    if (event.type === 'message.new') {
      this.outbox.acknowledge(event.message)
      if (this.leading && event.message.sender_id !== this.me)
        for (const listener of this.messageListeners) listener(event.message)
    }
    this.messages.handleEvent(event)
  }

  /** Loads a snapshot, with retries. Drafts, the outbox and the message windows are kept. */
  private async loadSnapshot(): Promise<void> {
    const before = this.view.get().data
    if (this.queued && before) return
    this.queued ??= []
    for (let failures = 1; !this.stop.signal.aborted; failures++) {
      try {
        const snapshot = await unwrap(this.api.GET('/api/sync', { params: { query: { limit: CHATS_PER_PAGE } } }))
        this.cursor = snapshot.cursor
        this.streamUrl = snapshot.events_url
        this.seen.clear()
        this.seen.add(snapshot.cursor)
        this.paging = snapshot.chats.has_more ? new Paging(snapshot.chats.items) : null
        this.permissions.reset()
        const data = fromSnapshot(snapshot, this.view.get().data ?? undefined)
        this.view.set({ data, partial: this.paging !== null, unreachable: false })
        if (before) void this.messages.refresh()
        if (this.paging) void this.loadFurtherChats(this.paging)
        break
      } catch (error) {
        if (error instanceof SignedOut) return
        this.view.set({ unreachable: true })
        await pause(backoff(failures, 1000, Math.random), this.stop.signal)
      }
    }
    const queued = this.queued ?? []
    this.queued = null
    for (const message of queued) this.receive(message)
  }

  // ---- chats ----

  /**
   * Loads the chats that the snapshot left out, page by page. Until then their old state is shown.
   */
  private async loadFurtherChats(paging: Paging): Promise<void> {
    let after: string | undefined
    for (let loaded = 0, failures = 0; loaded < CHATS_MAX; ) {
      try {
        const query = { limit: CHATS_PER_PAGE, ...(after ? { after } : {}) }
        const page = await unwrap(this.api.GET('/api/chat', { params: { query } }))
        const { data } = this.view.get()
        if (this.paging !== paging || !data) return
        this.view.set({ data: paging.merge(data, page.items) })
        this.permissions.pageLoaded(page.items)
        loaded += page.items.length
        after = page.items.at(-1)?.chat.id
        if (!page.has_more || !after) break
      } catch {
        if (this.stop.signal.aborted || this.paging !== paging) return
        await pause(backoff(++failures, 1000, Math.random), this.stop.signal)
      }
    }
    const { data } = this.view.get()
    if (this.paging !== paging || !data) return
    this.paging = null
    this.view.set({ data: paging.finish(data), partial: false })
  }

  /**
   * Loads a chat that is not in the list: its page is still to come, or the user is not a member.
   */
  async fetchChat(id: string): Promise<ChatItem> {
    const { paging } = this
    const item = await unwrap(this.api.GET('/api/chat/{id}', { params: { path: { id } } }))
    const { data } = this.view.get()
    if (data && item.member && paging && this.paging === paging) {
      this.view.set({ data: paging.merge(data, [item]) })
      this.permissions.pageLoaded([item])
    }
    return item
  }

  /** Adds a chat that the user made or joined, before its event arrives. */
  addChat(item: ChatItem): void {
    const { data } = this.view.get()
    if (!data || data.chats.has(item.chat.id)) return
    this.paging?.knows(item.chat.id)
    this.view.set({ data: { ...data, chats: new Map(data.chats).set(item.chat.id, item) } })
  }

  /** The id of the single chat with a user, which is created if there is none. */
  async openSingleChat(userId: string): Promise<string> {
    for (const { chat } of this.view.get().data?.chats.values() ?? [])
      if (chat.kind === 'single' && chat.member_ids.includes(userId)) return chat.id
    const item = await unwrap(this.api.POST('/api/chat', { body: { kind: 'single', members: [userId] } }))
    this.addChat(item)
    return item.chat.id
  }

  // ---- sending ----

  private async send(entry: Outgoing): Promise<Message> {
    try {
      return await unwrap(
        this.api.POST('/api/chat/{id}/messages', {
          params: { path: { id: entry.chat_id } },
          body: { body: entry.body, client_id: entry.client_id, reply_to: entry.reply_to },
        }),
      )
    } catch (error) {
      if (error instanceof ApiError && !error.isTemporary) throw new SendRefused(error)
      throw error
    }
  }

  private readonly onStorage = (event: StorageEvent) => {
    if (event.key?.startsWith(`parlor.out.${this.me}.`)) this.outbox.reload()
    else if (event.key) this.drafts.reload(event.key)
  }
}
