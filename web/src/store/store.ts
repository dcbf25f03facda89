// What the window shows: the folded state, the stretches of chats on hand, what is on its way out, and the truth about the
// connection. One tab of the browser holds the stream (Web Lock) and tells the others what comes (BroadcastChannel).
import { type Api, answer, connectApi, Refused } from '../api/client'
import type { ChatItem, Event, Message, MessageList, User } from '../api/types'
import { apply, fromSnapshot, Paging, type State } from './fold'
import { localShelf, Outbox, type Outgoing, Rejected } from './outbox'
import { type Session, SignedOut } from './session'
import { backoff, follow, pause, type StreamStatus } from './stream'
import { append, applyToWindow, fromPage, prepend, replace, type Window } from './windows'

const PAGE = 100
const CHATS_PER_PAGE = 200
/** Chats beyond this are found by search. */
const CHATS_MAX = 4000
/** People loaded ahead of need, for names; others are looked up when they are seen. */
const USERS_AHEAD = 1000
const WINDOWS_MAX = 12
const SEEN_MAX = 4000

export interface View {
  readonly data: State | null
  readonly windows: ReadonlyMap<string, Window>
  readonly outgoing: readonly Outgoing[]
  readonly stream: StreamStatus
  /** Why there is nothing to show yet. */
  readonly trouble: string | null
  /** Messages that are replied to and are not in any window. */
  readonly quotes: ReadonlyMap<string, Message | null>
}

type Note =
  | { kind: 'event'; event: Event; id: string | null }
  | { kind: 'cursor'; id: string }
  | { kind: 'status'; status: StreamStatus }
  | { kind: 'lead'; cursor: string }
  | { kind: 'reset' }
  | { kind: 'hello' }

export class Store {
  readonly api: Api
  private readonly session: Session
  private view: View = {
    data: null,
    windows: new Map(),
    outgoing: [],
    stream: 'connecting',
    trouble: null,
    quotes: new Map(),
  }
  private readonly listeners = new Set<() => void>()
  private readonly messageListeners = new Set<(message: Message) => void>()
  private notifying = false
  private readonly stop = new AbortController()
  private readonly tabs: BroadcastChannel
  private readonly outbox: Outbox
  private readonly me: string
  private cursor = ''
  private readonly seen = new Set<string>()
  /** While a snapshot is fetched, what comes waits here. */
  private waiting: Note[] | null = []
  private paging: Paging | null = null
  private leading = false
  private streamUrl: string | null = null
  /** Events that came while pages of messages were on their way. */
  private readonly loads = new Set<Event[]>()
  private readonly busy = new Map<string, Promise<void>>()
  private readonly marked = new Map<string, number>()
  private readonly wanted = new Set<string>()

  constructor(session: Session) {
    this.session = session
    const info = session.info
    if (!info) throw new SignedOut()
    this.me = info.user.id
    this.api = connectApi(session)
    this.tabs = new BroadcastChannel(`parlor-events-${this.me}`)
    this.tabs.onmessage = ({ data }: MessageEvent<Note>) => this.hear(data)
    this.outbox = new Outbox({
      shelf: localShelf(localStorage),
      prefix: `parlor.out.${this.me}.`,
      send: entry => this.deliver(entry),
      exclusive: async (chatId, work) =>
        await navigator.locks.request(`parlor-send-${chatId}`, async () => await work()),
      pause: failures => pause(backoff(failures, 1000, Math.random) / 2, this.stop.signal),
      onChange: () => queueMicrotask(() => this.set({ outgoing: this.outbox.list() })),
    })
    addEventListener('storage', this.onStorage)
    void this.run()
  }

  close(): void {
    this.stop.abort()
    this.outbox.stop()
    this.tabs.close()
    removeEventListener('storage', this.onStorage)
  }

  get = (): View => this.view

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Messages of others as they come, in one tab only. */
  onMessage(listener: (message: Message) => void): () => void {
    this.messageListeners.add(listener)
    return () => this.messageListeners.delete(listener)
  }

  // ---- following ----

  private async run(): Promise<void> {
    await this.snapshot()
    this.tell({ kind: 'hello' })
    void this.people()
    await navigator.locks
      .request(`parlor-stream-${this.me}`, { signal: this.stop.signal }, () => this.lead())
      .catch(() => undefined)
  }

  private async lead(): Promise<void> {
    this.leading = true
    this.tell({ kind: 'lead', cursor: this.cursor })
    while (!this.stop.signal.aborted) {
      const end = await follow({
        url: () => this.events(),
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
        await this.session.signOut()
        return
      }
    }
  }

  /** Where the stream is. The ticket's URL is the one place that says it. */
  private async events(): Promise<string> {
    if (!this.streamUrl) {
      const { url } = await answer(this.api.POST('/api/events/ticket'))
      const stream = new URL(url, location.href)
      stream.search = ''
      this.streamUrl = stream.href
    }
    return this.streamUrl
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
      this.set({ stream: note.status })
    } else if (note.kind === 'hello') {
      if (this.leading) this.tell({ kind: 'status', status: this.view.stream })
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
    const { data } = this.view
    if (!data) return
    this.paging?.saw(event)
    for (const load of this.loads) load.push(event)
    this.set({ data: apply(data, event) })
    if (!('chat_id' in event)) return
    const window = this.view.windows.get(event.chat_id)
    if (event.type === 'message.new') {
      this.outbox.settle(event.message)
      if (this.leading && event.message.sender_id !== this.me)
        for (const tell of this.messageListeners) tell(event.message)
    }
    if (window) this.setWindow(event.chat_id, applyToWindow(window, event))
    if (!this.view.data?.chats.has(event.chat_id) && window) this.dropWindow(event.chat_id)
  }

  /** Takes a snapshot, now or as soon as it can be had. Drafts, the outbox and what is being read stay. */
  private async snapshot(): Promise<void> {
    if (this.waiting && this.view.data) return
    this.waiting ??= []
    for (let failures = 1; !this.stop.signal.aborted; failures++) {
      try {
        const snapshot = await answer(this.api.GET('/api/sync', { params: { query: { limit: CHATS_PER_PAGE } } }))
        const again = this.view.data !== null
        this.cursor = snapshot.cursor
        this.seen.clear()
        this.seen.add(snapshot.cursor)
        this.set({ data: fromSnapshot(snapshot, this.view.data?.users), trouble: null })
        if (again) void this.refreshWindows()
        if (snapshot.chats.has_more) void this.moreChats(snapshot.chats.items.at(-1)?.chat.id)
        break
      } catch (error) {
        if (error instanceof SignedOut) return
        this.set({ trouble: error instanceof Refused ? error.message : 'Parlor cannot be reached.' })
        await pause(backoff(failures, 1000, Math.random), this.stop.signal)
      }
    }
    const waiting = this.waiting ?? []
    this.waiting = null
    for (const note of waiting) this.hear(note)
  }

  private async moreChats(after: string | undefined): Promise<void> {
    const paging = new Paging()
    this.paging = paging
    let from = after
    for (let loaded = CHATS_PER_PAGE, failures = 0; from && loaded < CHATS_MAX && this.paging === paging; ) {
      try {
        const page = await answer(
          this.api.GET('/api/chat', { params: { query: { after: from, limit: CHATS_PER_PAGE } } }),
        )
        if (this.paging !== paging || !this.view.data) return
        this.set({ data: paging.merge(this.view.data, page.items) })
        loaded += page.items.length
        from = page.has_more ? page.items.at(-1)?.chat.id : undefined
      } catch {
        if (this.stop.signal.aborted) return
        await pause(backoff(++failures, 1000, Math.random), this.stop.signal)
      }
    }
    if (this.paging === paging) this.paging = null
  }

  // ---- people ----

  private async people(): Promise<void> {
    let after: string | undefined
    for (let loaded = 0; loaded < USERS_AHEAD; ) {
      const query = after ? { after, limit: 200 } : { limit: 200 }
      const page = await answer(this.api.GET('/api/users', { params: { query } })).catch(() => null)
      if (!page) return
      this.addUsers(page.items)
      loaded += page.items.length
      after = page.items.at(-1)?.id
      if (!page.has_more) return
    }
  }

  addUsers(users: readonly User[]): void {
    const { data } = this.view
    if (!data || users.length === 0) return
    const all = new Map(data.users)
    for (const user of users) all.set(user.id, user)
    this.set({ data: { ...data, users: all } })
  }

  /** Somebody's name is on the screen and not known: look them up. */
  want(userId: string): void {
    if (this.wanted.has(userId) || this.view.data?.users.has(userId)) return
    this.wanted.add(userId)
    const look = async () => {
      // A moment for the first pages of people, which mostly have them.
      await pause(400, this.stop.signal)
      if (this.view.data?.users.has(userId)) return
      this.addUsers([await answer(this.api.GET('/api/users/{id}', { params: { path: { id: userId } } }))])
    }
    look().catch(() => this.wanted.delete(userId))
  }

  // ---- reading ----

  /** Sees to it that there is something of the chat on hand: from the first unread, around `seq`, or the newest. */
  open(chatId: string, seq?: number): Promise<void> {
    const window = this.view.windows.get(chatId)
    if (window && seq === undefined) return Promise.resolve()
    if (window && seq !== undefined && holds(window, seq)) return Promise.resolve()
    const unread = (this.view.data?.chats.get(chatId)?.unread_count ?? 0) > 0
    const query = seq !== undefined ? { around: seq } : unread ? { anchor: 'first_unread' as const } : {}
    return this.load(chatId, query, (_, page) => fromPage(page))
  }

  latest(chatId: string): Promise<void> {
    const window = this.view.windows.get(chatId)
    if (window && !window.after) return Promise.resolve()
    return this.load(chatId, {}, (_, page) => fromPage(page))
  }

  older(chatId: string): Promise<void> {
    const window = this.view.windows.get(chatId)
    const first = window?.items[0]?.seq
    if (!window?.before || first === undefined) return Promise.resolve()
    return this.load(chatId, { before: first }, (now, page) =>
      now?.items[0]?.seq === first ? prepend(now, { ...page, has_more_before: page.has_more }) : now,
    )
  }

  newer(chatId: string): Promise<void> {
    const window = this.view.windows.get(chatId)
    if (!window?.after) return Promise.resolve()
    const last = window.items.at(-1)?.seq ?? 0
    return this.load(chatId, { after: last }, (now, page) =>
      now && (now.items.at(-1)?.seq ?? 0) >= last ? append(now, { ...page, has_more_after: page.has_more }) : now,
    )
  }

  private load(
    chatId: string,
    query: { before?: number; after?: number; around?: number; anchor?: 'first_unread' },
    merge: (now: Window | undefined, page: MessageList) => Window | undefined,
  ): Promise<void> {
    const key = `${chatId} ${JSON.stringify(query)}`
    const running = this.busy.get(key)
    if (running) return running
    const meanwhile: Event[] = []
    this.loads.add(meanwhile)
    const run = async () => {
      const page = await answer(
        this.api.GET('/api/chat/{id}/messages', { params: { path: { id: chatId }, query: { ...query, limit: PAGE } } }),
      )
      let window = merge(this.view.windows.get(chatId), page)
      for (const message of page.items) this.outbox.settle(message)
      for (const event of meanwhile) {
        if (window && 'chat_id' in event && event.chat_id === chatId) window = applyToWindow(window, event)
      }
      if (window) this.setWindow(chatId, window)
    }
    const done = run().finally(() => {
      this.loads.delete(meanwhile)
      this.busy.delete(key)
    })
    this.busy.set(key, done)
    return done
  }

  /** After a new snapshot: what is held may have been edited, so it is fetched again, in place; the rest is let go. */
  private async refreshWindows(): Promise<void> {
    const windows = [...this.view.windows].slice(-2)
    this.set({ windows: new Map(windows) })
    for (const [chatId, window] of windows) {
      const first = window.items[0]?.seq ?? 1
      const refresh = async () => {
        let fresh: Window | undefined
        for (let after = first - 1; ; ) {
          const query = { after, limit: 200 }
          const page = await answer(
            this.api.GET('/api/chat/{id}/messages', { params: { path: { id: chatId }, query } }),
          )
          const part = { ...page, has_more_after: page.has_more }
          fresh = fresh ? append(fresh, part) : { ...fromPage(part), before: window.before }
          after = page.items.at(-1)?.seq ?? after
          if (!page.has_more || after >= (window.items.at(-1)?.seq ?? 0)) break
        }
        for (const message of fresh.items) this.outbox.settle(message)
        if (this.view.windows.has(chatId)) this.setWindow(chatId, fresh)
      }
      await refresh().catch(() => this.dropWindow(chatId))
    }
  }

  private setWindow(chatId: string, window: Window): void {
    const now = this.view.windows.get(chatId)
    const last = window.items.at(-1)?.seq ?? 0
    // The chat is known to go on further than this stretch does.
    const after = window.after || (this.view.data?.chats.get(chatId)?.chat.last_seq ?? 0) > last
    const next = after === window.after ? window : { ...window, after }
    if (now === next) return
    const windows = new Map(this.view.windows)
    windows.delete(chatId)
    windows.set(chatId, next)
    if (windows.size > WINDOWS_MAX) windows.delete(windows.keys().next().value as string)
    this.set({ windows })
  }

  private dropWindow(chatId: string): void {
    const windows = new Map(this.view.windows)
    windows.delete(chatId)
    this.set({ windows })
  }

  /** A chat that is left by the reader: next time it opens at its first unread again, if it is not read to its end. */
  closeChat(chatId: string): void {
    const window = this.view.windows.get(chatId)
    if (window?.after) this.dropWindow(chatId)
  }

  markRead(chatId: string, seq: number): void {
    const item = this.view.data?.chats.get(chatId)
    if (!item || seq <= item.read_seq || seq <= (this.marked.get(chatId) ?? 0)) return
    this.marked.set(chatId, seq)
    setTimeout(() => {
      if (this.marked.get(chatId) !== seq) return
      answer(this.api.POST('/api/chat/{id}/read', { params: { path: { id: chatId } }, body: { seq } }))
        .then(read => this.applyLocally({ type: 'chat.read', at: '', chat_id: chatId, read }))
        .catch(() => this.marked.delete(chatId))
    }, 250)
  }

  /** The answer to what I did, before the stream tells it: the same fold, and harmless when it comes again. */
  private applyLocally(event: Event): void {
    if (this.view.data) this.set({ data: apply(this.view.data, event) })
  }

  /** A message that another one replies to. Undefined: not known yet. Null: not to be had. */
  wantQuote(chatId: string, id: string): void {
    if (this.view.quotes.has(id) || this.wanted.has(id)) return
    this.wanted.add(id)
    answer(this.api.GET('/api/chat/{id}/messages/{message_id}', { params: { path: { id: chatId, message_id: id } } }))
      .catch(() => null)
      .then(message => this.set({ quotes: new Map(this.view.quotes).set(id, message) }))
  }

  // ---- writing ----

  send(chatId: string, body: string, replyTo: string | null): void {
    this.outbox.add(chatId, body, replyTo)
  }

  retry(clientId: string, body?: string): void {
    this.outbox.retry(clientId, body)
  }

  discard(clientId: string): void {
    this.outbox.discard(clientId)
  }

  private async deliver(entry: Outgoing): Promise<Message> {
    try {
      return await answer(
        this.api.POST('/api/chat/{id}/messages', {
          params: { path: { id: entry.chat_id } },
          body: { body: entry.body, client_id: entry.client_id, reply_to: entry.reply_to },
        }),
      )
    } catch (error) {
      if (error instanceof Refused && !error.passing) throw new Rejected(error.message)
      throw error
    }
  }

  async edit(message: Message, body: string): Promise<void> {
    const path = { id: message.chat_id, message_id: message.id }
    this.show(
      await answer(this.api.PATCH('/api/chat/{id}/messages/{message_id}', { params: { path }, body: { body } })),
    )
  }

  async remove(message: Message): Promise<void> {
    const path = { id: message.chat_id, message_id: message.id }
    await answer(this.api.DELETE('/api/chat/{id}/messages/{message_id}', { params: { path } }))
    this.show({ ...message, body: '', deleted_at: new Date().toISOString() })
  }

  private show(message: Message): void {
    const window = this.view.windows.get(message.chat_id)
    if (window) this.setWindow(message.chat_id, replace(window, message))
  }

  /** A chat that I made or joined, at once; the stream brings it as well. */
  addChat(item: ChatItem): void {
    const { data } = this.view
    if (data && !data.chats.has(item.chat.id)) {
      this.set({ data: { ...data, chats: new Map(data.chats).set(item.chat.id, item) } })
    }
  }

  // ---- telling the view ----

  private readonly onStorage = (event: StorageEvent) => {
    if (event.key?.startsWith(`parlor.out.${this.me}.`)) this.outbox.reload()
  }

  private set(change: Partial<View>): void {
    this.view = { ...this.view, ...change }
    if (this.notifying) return
    this.notifying = true
    queueMicrotask(() => {
      this.notifying = false
      for (const listener of this.listeners) listener()
    })
  }
}

function holds(window: Window, seq: number): boolean {
  return seq >= (window.items[0]?.seq ?? 1) && seq <= (window.items.at(-1)?.seq ?? 0)
}
