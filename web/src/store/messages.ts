// The messages that are loaded: a contiguous window of each chat that was opened lately. Loads
// pages, applies events, edits and deletes. It does not know how far the user has read
// (readPositions.ts).
//
// The invariant: a window never has a gap. Events that arrive while a page is being fetched are
// applied to that page too.
import { type Api, unwrap } from '../api/client'
import type { Event, Message, MessageList } from '../api/types'
import type { Outbox } from './outbox'
import type { ViewHolder } from './view'
import { append, applyToWindow, fromPage, type MessageWindow, prepend, replace } from './windows'

const PAGE = 100
const PAGE_MAX = 200
const WINDOWS_MAX = 12
/** So many windows are fetched again after a snapshot; the others when their chat is opened. */
const REFRESHED_MAX = 2
const QUOTES_MAX = 500

interface Query {
  before?: number
  after?: number
  around?: number
  anchor?: 'first_unread'
}

export class Messages {
  private readonly api: Api
  private readonly view: ViewHolder
  private readonly outbox: Outbox
  /** For each page that is being fetched, the events that arrived meanwhile. */
  private readonly eventsDuringLoads = new Set<Event[]>()
  private readonly running = new Map<string, Promise<void>>()
  private readonly requestedQuotes = new Set<string>()

  constructor(api: Api, view: ViewHolder, outbox: Outbox) {
    this.api = api
    this.view = view
    this.outbox = outbox
  }

  /**
   * Loads a page of the chat, unless one is there: around `seq`, or else from the first unread
   * message, or else the newest messages.
   */
  open(chatId: string, seq?: number): Promise<void> {
    const { windows, data } = this.view.get()
    const window = windows.get(chatId)
    if (window && (seq === undefined || contains(window, seq))) return Promise.resolve()
    const unread = (data?.chats.get(chatId)?.unread_count ?? 0) > 0
    const query = seq !== undefined ? { around: seq } : unread ? { anchor: 'first_unread' as const } : {}
    return this.load(chatId, query, (_, page) => fromPage(page))
  }

  loadLatest(chatId: string): Promise<void> {
    const window = this.view.get().windows.get(chatId)
    if (window && !window.after) return Promise.resolve()
    return this.load(chatId, {}, (_, page) => fromPage(page))
  }

  loadOlder(chatId: string): Promise<void> {
    const window = this.view.get().windows.get(chatId)
    const first = window?.items[0]?.seq
    if (!window?.before || first === undefined) return Promise.resolve()
    return this.load(chatId, { before: first }, (now, page) =>
      now?.items[0]?.seq === first ? prepend(now, { ...page, has_more_before: page.has_more }) : now,
    )
  }

  loadNewer(chatId: string): Promise<void> {
    const window = this.view.get().windows.get(chatId)
    if (!window?.after) return Promise.resolve()
    const last = window.items.at(-1)?.seq ?? 0
    return this.load(chatId, { after: last }, (now, page) =>
      now && (now.items.at(-1)?.seq ?? 0) >= last ? append(now, { ...page, has_more_after: page.has_more }) : now,
    )
  }

  /** Applies an event to the windows. To be called after the event was applied to the state. */
  handleEvent(event: Event): void {
    for (const events of this.eventsDuringLoads) events.push(event)
    if (!('chat_id' in event)) return
    const { windows, data } = this.view.get()
    const window = windows.get(event.chat_id)
    if (!window) return
    if (data?.chats.has(event.chat_id)) this.setWindow(event.chat_id, applyToWindow(window, event))
    else this.dropWindow(event.chat_id)
  }

  /**
   * Fetches the windows used last again after a new snapshot, because their messages may have been
   * edited. The others are dropped.
   */
  async refresh(): Promise<void> {
    const windows = [...this.view.get().windows].slice(-REFRESHED_MAX)
    this.view.set({ windows: new Map(windows) })
    for (const [chatId, window] of windows) {
      await this.refreshWindow(chatId, window).catch(() => this.dropWindow(chatId))
    }
  }

  private async refreshWindow(chatId: string, window: MessageWindow): Promise<void> {
    const last = window.items.at(-1)?.seq ?? 0
    let fresh: MessageWindow | undefined
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
    merge: (now: MessageWindow | undefined, page: MessageList) => MessageWindow | undefined,
  ): Promise<void> {
    const key = `${chatId} ${JSON.stringify(query)}`
    const running = this.running.get(key)
    if (running) return running
    const events: Event[] = []
    this.eventsDuringLoads.add(events)
    const run = async () => {
      const page = await this.fetch(chatId, query, PAGE)
      let window = merge(this.view.get().windows.get(chatId), page)
      for (const message of page.items) this.outbox.acknowledge(message)
      for (const event of events) {
        if (window && 'chat_id' in event && event.chat_id === chatId) window = applyToWindow(window, event)
      }
      if (window) this.setWindow(chatId, window)
    }
    const done = run().finally(() => {
      this.eventsDuringLoads.delete(events)
      this.running.delete(key)
    })
    this.running.set(key, done)
    return done
  }

  private fetch(id: string, query: Query, limit: number): Promise<MessageList> {
    const params = { path: { id }, query: { ...query, limit } }
    return unwrap(this.api.GET('/api/chat/{id}/messages', { params }))
  }

  private setWindow(chatId: string, window: MessageWindow): void {
    const { windows: all, data } = this.view.get()
    const now = all.get(chatId)
    const last = window.items.at(-1)?.seq ?? 0
    // The state may know of newer messages than the window has.
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

  /**
   * To be called when the user leaves the chat. A window that does not reach the end is dropped, so
   * that the chat opens at its first unread message next time.
   */
  close(chatId: string): void {
    if (this.view.get().windows.get(chatId)?.after) this.dropWindow(chatId)
  }

  /**
   * Loads a message that another one replies to into `view.quotes`; null if it cannot be loaded.
   */
  requestQuote(chatId: string, id: string): void {
    if (this.view.get().quotes.has(id) || this.requestedQuotes.has(id)) return
    this.requestedQuotes.add(id)
    const path = { id: chatId, message_id: id }
    unwrap(this.api.GET('/api/chat/{id}/messages/{message_id}', { params: { path } }))
      .catch(() => null)
      .then(message => {
        this.requestedQuotes.delete(id)
        const quotes = new Map(this.view.get().quotes).set(id, message)
        if (quotes.size > QUOTES_MAX) quotes.delete(quotes.keys().next().value as string)
        this.view.set({ quotes })
      })
  }

  async edit(message: Message, body: string): Promise<void> {
    const path = { id: message.chat_id, message_id: message.id }
    this.show(
      await unwrap(this.api.PATCH('/api/chat/{id}/messages/{message_id}', { params: { path }, body: { body } })),
    )
  }

  async remove(message: Message): Promise<void> {
    const path = { id: message.chat_id, message_id: message.id }
    await unwrap(this.api.DELETE('/api/chat/{id}/messages/{message_id}', { params: { path } }))
    this.show({ ...message, body: '', deleted_at: new Date().toISOString() })
  }

  private show(message: Message): void {
    const window = this.view.get().windows.get(message.chat_id)
    if (window) this.setWindow(message.chat_id, replace(window, message))
  }
}

/**
 * Whether the message is in the window and drawn: the oldest one is not, while there are older
 * ones.
 */
function contains(window: MessageWindow, seq: number): boolean {
  const first = (window.items[0]?.seq ?? 1) + (window.before ? 1 : 0)
  return seq >= first && seq <= (window.items.at(-1)?.seq ?? 0)
}
