// Brings it together: the stream, folded into what the window shows. One tab of the browser holds the stream (Web Lock) and
// tells the others what comes (BroadcastChannel).
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
/** Above what the server lets anybody be in; a bound all the same. */
const CHATS_MAX = 4000
const SEEN_MAX = 4000

type Note =
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
  /** Where the stream is, as the snapshot says. */
  private streamUrl = ''
  private readonly seen = new Set<string>()
  /** While a snapshot is fetched, what comes waits here. */
  private waiting: Note[] | null = []
  private paging: Paging | null = null
  private leading = false

  constructor(session: Session) {
    this.session = session
    const info = session.info
    if (!info) throw new SignedOut()
    this.me = info.user.id
    this.api = connectApi(session)
    this.tabs = new BroadcastChannel(`parlor-events-${this.me}`)
    this.tabs.onmessage = ({ data }: MessageEvent<Note>) => this.hear(data)
    this.outbox = new Outbox({
      storage: keyValueStorage(localStorage),
      prefix: `parlor.out.${this.me}.`,
      send: entry => this.deliver(entry),
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

  /** Messages of others as they come, in one tab only. */
  onMessage(listener: (message: Message) => unknown): () => void {
    this.messageListeners.add(listener)
    return () => this.messageListeners.delete(listener)
  }

  // ---- following ----

  private async run(): Promise<void> {
    await this.snapshot()
    this.tell({ kind: 'hello' })
    await exclusive(`parlor-stream-${this.me}`, () => this.lead(), this.stop.signal).catch(() => undefined)
  }

  private async lead(): Promise<void> {
    this.leading = true
    this.tell({ kind: 'lead', cursor: this.cursor })
    while (!this.stop.signal.aborted) {
      const end = await follow({
        url: () => this.streamUrl,
        token: stale => this.session.token(stale),
        cursor: () => this.cursor,
        onEvent: (event, id) => this.hearAndTell({ kind: 'event', event, id }),
        onCursor: id => this.hearAndTell({ kind: 'cursor', id }),
        onStatus: status => this.hearAndTell({ kind: 'status', status }),
        signal: this.stop.signal,
      })
      if (end === 'reset') {
        this.tell({ kind: 'reset' })
        await this.snapshot()
      } else if (end === 'gone') {
        this.session.end('ended')
        return
      }
    }
  }

  private hearAndTell(note: Note): void {
    this.tell(note)
    this.hear(note)
  }

  private tell(note: Note): void {
    if (!this.stop.signal.aborted) this.tabs.postMessage(note)
  }

  private hear(note: Note): void {
    if (note.kind === 'status') {
      if (note.status === 'open') dispatchEvent(new CustomEvent('online'))
      this.view.set({ stream: note.status })
    } else if (note.kind === 'hello') {
      if (this.leading) this.tell({ kind: 'status', status: this.view.get().stream })
    } else if (note.kind === 'reset') {
      void this.snapshot()
    } else if (this.waiting) {
      this.waiting.push(note)
    } else if (note.kind === 'lead') {
      // The new leader goes on from where it is. If that is a place I have not been at, I may have missed something.
      if (note.cursor !== this.cursor && !this.seen.has(note.cursor)) void this.snapshot()
    } else {
      this.take(note)
    }
  }

  private take(note: Extract<Note, { kind: 'event' | 'cursor' }>): void {
    const { id } = note
    if (id) {
      if (note.kind === 'event' && this.seen.has(id)) return
      this.seen.add(id)
      if (this.seen.size > SEEN_MAX) this.seen.delete(this.seen.values().next().value as string)
      this.cursor = id
    }
    if (note.kind === 'event') this.applyEvent(note.event)
  }

  private applyEvent(event: Event): void {
    const { data } = this.view.get()
    if (!data) return
    this.paging?.saw(event)
    this.view.set({ data: apply(data, event) })
    this.permissions.saw(event)
    if (event.type === 'message.new') {
      this.outbox.acknowledge(event.message)
      if (this.leading && event.message.sender_id !== this.me)
        for (const tell of this.messageListeners) tell(event.message)
    }
    this.messages.handleEvent(event)
  }

  /** Takes a snapshot, now or as soon as it can be had. Drafts, the outbox and what is being read stay. */
  private async snapshot(): Promise<void> {
    const before = this.view.get().data
    if (this.waiting && before) return
    this.waiting ??= []
    for (let failures = 1; !this.stop.signal.aborted; failures++) {
      try {
        const snapshot = await unwrap(this.api.GET('/api/sync', { params: { query: { limit: CHATS_PER_PAGE } } }))
        this.cursor = snapshot.cursor
        this.streamUrl = snapshot.events_url
        this.seen.clear()
        this.seen.add(snapshot.cursor)
        this.paging = snapshot.chats.has_more ? new Paging(snapshot.chats.items) : null
        this.permissions.forget()
        const data = fromSnapshot(snapshot, this.view.get().data ?? undefined)
        this.view.set({ data, partial: this.paging !== null, unreachable: false })
        if (before) void this.messages.refresh()
        if (this.paging) void this.moreChats(this.paging)
        break
      } catch (error) {
        if (error instanceof SignedOut) return
        this.view.set({ unreachable: true })
        await pause(backoff(failures, 1000, Math.random), this.stop.signal)
      }
    }
    const waiting = this.waiting ?? []
    this.waiting = null
    for (const note of waiting) this.hear(note)
  }

  // ---- chats ----

  /** The chats that the snapshot had no room for, page by page; until the last one, old ones are shown as they were. */
  private async moreChats(paging: Paging): Promise<void> {
    let after: string | undefined
    for (let loaded = 0, failures = 0; loaded < CHATS_MAX; ) {
      try {
        const query = { limit: CHATS_PER_PAGE, ...(after ? { after } : {}) }
        const page = await unwrap(this.api.GET('/api/chat', { params: { query } }))
        const { data } = this.view.get()
        if (this.paging !== paging || !data) return
        this.view.set({ data: paging.merge(data, page.items) })
        this.permissions.arrived(page.items)
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

  /** A chat that is looked at and not in the list: its page may not have come yet, or it is not mine. */
  async fetchChat(id: string): Promise<ChatItem> {
    const { paging } = this
    const item = await unwrap(this.api.GET('/api/chat/{id}', { params: { path: { id } } }))
    const { data } = this.view.get()
    if (data && item.member && paging && this.paging === paging) {
      this.view.set({ data: paging.merge(data, [item]) })
      this.permissions.arrived([item])
    }
    return item
  }

  /** A chat that I made or joined, at once; the stream brings it as well. */
  addChat(item: ChatItem): void {
    const { data } = this.view.get()
    if (!data || data.chats.has(item.chat.id)) return
    this.paging?.knows(item.chat.id)
    this.view.set({ data: { ...data, chats: new Map(data.chats).set(item.chat.id, item) } })
  }

  /** The chat of the two of us, begun if there is none. */
  async chatWith(userId: string): Promise<string> {
    for (const { chat } of this.view.get().data?.chats.values() ?? [])
      if (chat.kind === 'single' && chat.member_ids.includes(userId)) return chat.id
    const item = await unwrap(this.api.POST('/api/chat', { body: { kind: 'single', members: [userId] } }))
    this.addChat(item)
    return item.chat.id
  }

  // ---- writing ----

  private async deliver(entry: Outgoing): Promise<Message> {
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
