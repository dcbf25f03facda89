// The messages on hand: stretches of the chats that were opened, fetched as one reads, and how far one has read.
import { type Api, answer, Refused } from '../api/client'
import type { Event, Message, MessageList } from '../api/types'
import { apply } from './fold'
import type { Outbox } from './outbox'
import { SignedOut } from './session'
import { backoff, pause } from './stream'
import type { ViewHolder } from './view'
import { append, applyToWindow, fromPage, prepend, replace, type Window } from './windows'

const PAGE = 100
const PAGE_MAX = 200
const WINDOWS_MAX = 12
/** So many are fetched anew at once after a snapshot; the others when they are opened. */
const REFRESHED_MAX = 2
const QUOTES_MAX = 500
/** How far one has read is told so often at most. */
const READ_MS = 250

interface Query {
  before?: number
  after?: number
  around?: number
  anchor?: 'first_unread'
}

export class Reading {
  private readonly api: Api
  private readonly view: ViewHolder
  private readonly outbox: Outbox
  /** Events that came while pages of messages were on their way. */
  private readonly loads = new Set<Event[]>()
  private readonly busy = new Map<string, Promise<void>>()
  private readonly signal: AbortSignal
  /** How far I have read, where the server may not know it yet. */
  private readonly marked = new Map<string, number>()
  private readonly telling = new Set<string>()
  private readonly wanted = new Set<string>()

  constructor(api: Api, view: ViewHolder, outbox: Outbox, signal: AbortSignal) {
    this.api = api
    this.view = view
    this.outbox = outbox
    this.signal = signal
  }

  /** Sees to it that there is something of the chat on hand: from the first unread, around `seq`, or the newest. */
  open(chatId: string, seq?: number): Promise<void> {
    const { windows, data } = this.view.get()
    const window = windows.get(chatId)
    if (window && (seq === undefined || holds(window, seq))) return Promise.resolve()
    const unread = (data?.chats.get(chatId)?.unread_count ?? 0) > 0
    const query = seq !== undefined ? { around: seq } : unread ? { anchor: 'first_unread' as const } : {}
    return this.load(chatId, query, (_, page) => fromPage(page))
  }

  latest(chatId: string): Promise<void> {
    const window = this.view.get().windows.get(chatId)
    if (window && !window.after) return Promise.resolve()
    return this.load(chatId, {}, (_, page) => fromPage(page))
  }

  older(chatId: string): Promise<void> {
    const window = this.view.get().windows.get(chatId)
    const first = window?.items[0]?.seq
    if (!window?.before || first === undefined) return Promise.resolve()
    return this.load(chatId, { before: first }, (now, page) =>
      now?.items[0]?.seq === first ? prepend(now, { ...page, has_more_before: page.has_more }) : now,
    )
  }

  newer(chatId: string): Promise<void> {
    const window = this.view.get().windows.get(chatId)
    if (!window?.after) return Promise.resolve()
    const last = window.items.at(-1)?.seq ?? 0
    return this.load(chatId, { after: last }, (now, page) =>
      now && (now.items.at(-1)?.seq ?? 0) >= last ? append(now, { ...page, has_more_after: page.has_more }) : now,
    )
  }

  /** What happened, to the chats that are on hand. */
  saw(event: Event): void {
    for (const load of this.loads) load.push(event)
    if (!('chat_id' in event)) return
    const { windows, data } = this.view.get()
    const window = windows.get(event.chat_id)
    if (!window) return
    if (data?.chats.has(event.chat_id)) this.setWindow(event.chat_id, applyToWindow(window, event))
    else this.dropWindow(event.chat_id)
  }

  /** After a new snapshot: what is held may have been edited, so it is fetched again, in place; the rest is let go. */
  async refresh(): Promise<void> {
    const windows = [...this.view.get().windows].slice(-REFRESHED_MAX)
    this.view.set({ windows: new Map(windows) })
    for (const [chatId, window] of windows) {
      await this.refreshWindow(chatId, window).catch(() => this.dropWindow(chatId))
    }
  }

  private async refreshWindow(chatId: string, window: Window): Promise<void> {
    const last = window.items.at(-1)?.seq ?? 0
    let fresh: Window | undefined
    for (let after = (window.items[0]?.seq ?? 1) - 1; ; ) {
      const page = await this.fetch(chatId, { after }, PAGE_MAX)
      const part = { ...page, has_more_after: page.has_more }
      fresh = fresh ? append(fresh, part) : { ...fromPage(part), before: window.before }
      after = page.items.at(-1)?.seq ?? after
      if (!page.has_more || after >= last) break
    }
    for (const message of fresh.items) this.outbox.acknowledge(message)
    if (this.view.get().windows.has(chatId)) this.setWindow(chatId, fresh)
  }

  private load(
    chatId: string,
    query: Query,
    merge: (now: Window | undefined, page: MessageList) => Window | undefined,
  ): Promise<void> {
    const key = `${chatId} ${JSON.stringify(query)}`
    const running = this.busy.get(key)
    if (running) return running
    const meanwhile: Event[] = []
    this.loads.add(meanwhile)
    const run = async () => {
      const page = await this.fetch(chatId, query, PAGE)
      let window = merge(this.view.get().windows.get(chatId), page)
      for (const message of page.items) this.outbox.acknowledge(message)
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

  private fetch(id: string, query: Query, limit: number): Promise<MessageList> {
    const params = { path: { id }, query: { ...query, limit } }
    return answer(this.api.GET('/api/chat/{id}/messages', { params }))
  }

  private setWindow(chatId: string, window: Window): void {
    const { windows: all, data } = this.view.get()
    const now = all.get(chatId)
    const last = window.items.at(-1)?.seq ?? 0
    // The chat is known to go on further than this stretch does.
    const after = window.after || (data?.chats.get(chatId)?.chat.last_seq ?? 0) > last
    const next = after === window.after ? window : { ...window, after }
    if (now === next) return
    const windows = new Map(all)
    windows.delete(chatId)
    windows.set(chatId, next)
    if (windows.size > WINDOWS_MAX) windows.delete(windows.keys().next().value as string)
    this.view.set({ windows })
  }

  private dropWindow(chatId: string): void {
    const windows = new Map(this.view.get().windows)
    windows.delete(chatId)
    this.view.set({ windows })
  }

  /** A chat that is left by the reader: next time it opens at its first unread again, if it is not read to its end. */
  close(chatId: string): void {
    if (this.view.get().windows.get(chatId)?.after) this.dropWindow(chatId)
  }

  /** How far I have read a chat. */
  readTo(chatId: string): number {
    return Math.max(this.view.get().data?.chats.get(chatId)?.read_seq ?? 0, this.marked.get(chatId) ?? 0)
  }

  /** Only ever forward. The server hears of it, however long that takes. */
  markRead(chatId: string, seq: number): void {
    if (seq <= this.readTo(chatId) || !this.view.get().data?.chats.has(chatId)) return
    this.marked.set(chatId, seq)
    if (!this.telling.has(chatId)) void this.tellRead(chatId)
  }

  private async tellRead(chatId: string): Promise<void> {
    this.telling.add(chatId)
    for (let failures = 0; ; ) {
      await pause(failures === 0 ? READ_MS : backoff(failures, 1000, Math.random), this.signal)
      const { data } = this.view.get()
      const known = data?.chats.get(chatId)?.read_seq
      const seq = this.marked.get(chatId)
      if (this.signal.aborted || !data || known === undefined || seq === undefined || seq <= known) break
      try {
        const path = { id: chatId }
        const read = await answer(this.api.POST('/api/chat/{id}/read', { params: { path }, body: { seq } }))
        // Before the stream tells it: the same fold, and harmless when it comes again.
        const now = this.view.get().data
        if (now) this.view.set({ data: apply(now, { type: 'chat.read', at: '', chat_id: chatId, read }) })
        if (this.marked.get(chatId) === seq) this.marked.delete(chatId)
        failures = 0
      } catch (error) {
        if (error instanceof SignedOut || (error instanceof Refused && !error.passing)) break
        failures++
      }
    }
    this.telling.delete(chatId)
    this.marked.delete(chatId)
  }

  /** A message that another one replies to. Undefined: not known yet. Null: not to be had. */
  wantQuote(chatId: string, id: string): void {
    if (this.view.get().quotes.has(id) || this.wanted.has(id)) return
    this.wanted.add(id)
    const path = { id: chatId, message_id: id }
    answer(this.api.GET('/api/chat/{id}/messages/{message_id}', { params: { path } }))
      .catch(() => null)
      .then(message => {
        this.wanted.delete(id)
        const quotes = new Map(this.view.get().quotes).set(id, message)
        if (quotes.size > QUOTES_MAX) quotes.delete(quotes.keys().next().value as string)
        this.view.set({ quotes })
      })
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
    const window = this.view.get().windows.get(message.chat_id)
    if (window) this.setWindow(message.chat_id, replace(window, message))
  }
}

/** The oldest of a stretch is not drawn before what comes before it is here, so it does not count. */
function holds(window: Window, seq: number): boolean {
  const first = (window.items[0]?.seq ?? 1) + (window.before ? 1 : 0)
  return seq >= first && seq <= (window.items.at(-1)?.seq ?? 0)
}
