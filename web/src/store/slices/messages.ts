// The messages that are loaded: a contiguous window of each conversation that was opened lately.
// Loads pages, applies events, edits and deletes. It does not know how far the user has read
// (readPositions.ts).
//
// The invariant: a window never has a gap. Events that arrive while a page is being fetched are
// applied to that page too.
import { ApiError, unwrap } from '../../api/client'
import type { Event, Message, MessageList, Snapshot } from '../../api/types'
import { type ConversationKey, numberIn, parseConversation, shows } from '../conversation'
import { PAGE } from '../early'
import { isMark, placeOf, withMark } from '../marks'
import { type OpeningQuery, openingQuery, openingThreadQuery } from '../openingQuery'
import { isReaction, isSameEmoji, keepMine, type ReactionEvent, withReaction } from '../reactions'
import { backoff, pause } from '../retry'
import type { Context, Live } from '../slice'
import { withThread } from '../threadSummary'
import type { Chats } from './chatFold'
import type { Threads } from './threadFold'
import { append, applyToWindow, fromPage, type MessageWindow, prepend, replace } from './windows'

const PAGE_MAX = 200
const WINDOWS_MAX = 12
/** So many windows are fetched again after a snapshot; the others when their conversation is opened. */
const REFRESHED_MAX = 2
const QUOTES_MAX = 500
const REACTORS_SHOWN = 20
/** The pause after the first failure to load one. */
const QUOTE_RETRY_MS = 2000

interface Shown {
  readonly windows: ReadonlyMap<ConversationKey, MessageWindow>
  /**
   * Messages that are replied to, and the roots of threads, by id, where they are in no window; null if
   * they cannot be loaded.
   */
  readonly quotes: ReadonlyMap<string, Message | null>
}
interface Needs extends Shown {
  readonly data: { readonly chats: Chats; readonly threads: Threads } | null
}

/** A page that is being fetched. */
interface Load {
  readonly conversation: ConversationKey
  done: Promise<void>
  /** Asked when the page is there: otherwise it is dropped. */
  isWanted: () => boolean
}

export class Messages implements Live {
  private readonly context: Context<Needs>
  /** For each page that is being fetched, the events that arrived meanwhile. */
  private readonly eventsDuringLoads = new Set<Event[]>()
  private readonly running = new Map<string, Load>()
  private readonly requestedQuotes = new Set<string>()

  constructor(context: Context<Needs>) {
    this.context = context
  }

  /**
   * Loads a page of the conversation, unless one is there: around `seq` (the number in a thread), or else from the first unread
   * message, or else the newest messages.
   */
  open(conversation: ConversationKey, seq?: number): Promise<void> {
    const { windows, data } = this.view.get()
    const window = windows.get(conversation)
    if (window && (seq === undefined || contains(conversation, window, seq))) return Promise.resolve()
    const { chatId, rootId } = parseConversation(conversation)
    const query = rootId
      ? openingThreadQuery(data?.threads.get(rootId), seq)
      : openingQuery(data?.chats.get(chatId), seq)
    return this.load(conversation, query, (_, page, known) => fromPage(conversation, page, known))
  }

  /** What was asked for before is dropped: in a full window, an older page takes the newest one's place. */
  loadLatest(conversation: ConversationKey): Promise<void> {
    for (const [key, load] of this.running) {
      if (load.conversation !== conversation) continue
      load.isWanted = () => false
      this.running.delete(key)
    }
    const window = this.window(conversation)
    if (window && !window.after) return Promise.resolve()
    return this.load(conversation, {}, (_, page, known) => fromPage(conversation, page, known))
  }

  /**
   * Loads the page before the window. In a full window it takes the place of the newest messages, so
   * it is dropped if the reader has gone there meanwhile: `isWanted` is asked when the page is there.
   */
  loadOlder(conversation: ConversationKey, isWanted: () => boolean): Promise<void> {
    const window = this.window(conversation)
    const oldest = window?.items[0]
    if (!window?.before || !oldest) return Promise.resolve()
    const first = numberIn(conversation, oldest)
    const merge = (now: MessageWindow | undefined, page: MessageList) =>
      now?.items[0]?.id === oldest.id ? prepend(conversation, now, { ...page, has_more_before: page.has_more }) : now
    return this.load(conversation, { before: first }, merge, isWanted)
  }

  /** The same for the page after it. */
  loadNewer(conversation: ConversationKey, isWanted: () => boolean): Promise<void> {
    const window = this.window(conversation)
    if (!window?.after) return Promise.resolve()
    const last = newest(conversation, window)
    const merge = (now: MessageWindow | undefined, page: MessageList, known: number) =>
      now && newest(conversation, now) >= last
        ? append(conversation, now, { ...page, has_more_after: page.has_more }, known)
        : now
    return this.load(conversation, { after: last }, merge, isWanted)
  }

  onSnapshot(_: Snapshot, first: boolean): void {
    const { early } = this.context
    if (!first) void this.refresh()
    // Before the first event comes, so that none about its messages is missed.
    else if (early?.opened) this.open(early.opened.conversation, early.opened.seq).catch(() => undefined)
  }

  onEvent(event: Event): void {
    for (const events of this.eventsDuringLoads) events.push(event)
    if (!('chat_id' in event)) return
    this.applyToQuotes(event)
    if (!this.view.get().data?.chats.has(event.chat_id)) {
      this.dropWindows(key => parseConversation(key).chatId === event.chat_id)
      return
    }
    for (const [conversation, window] of this.view.get().windows) {
      if (isOf(event, conversation))
        this.setWindow(conversation, applyToWindow(conversation, window, event, this.context.me))
    }
  }

  /**
   * Fetches the windows used last again after a new snapshot, because their messages may have been
   * edited. The others are dropped.
   */
  private async refresh(): Promise<void> {
    const windows = [...this.view.get().windows].slice(-REFRESHED_MAX)
    this.view.set({ windows: new Map(windows) })
    for (const [conversation, window] of windows) {
      await this.refreshWindow(conversation, window).catch(() => this.dropWindow(conversation))
    }
  }

  private async refreshWindow(conversation: ConversationKey, window: MessageWindow): Promise<void> {
    const last = newest(conversation, window)
    const oldest = window.items[0]
    let fresh: MessageWindow | undefined
    for (let after = (oldest ? numberIn(conversation, oldest) : 1) - 1; ; ) {
      const known = this.knownNumber(conversation)
      const page = await this.fetch(conversation, { after }, PAGE_MAX)
      const part = { ...page, has_more_after: page.has_more }
      fresh = fresh
        ? append(conversation, fresh, part, known)
        : { ...fromPage(conversation, part, known), before: window.before }
      after = newest(conversation, fresh) || after
      if (!page.has_more || after >= last) break
    }
    this.context.loaded({ messages: fresh.items })
    if (this.window(conversation)) this.setWindow(conversation, fresh)
  }

  private load(
    conversation: ConversationKey,
    query: OpeningQuery,
    merge: (now: MessageWindow | undefined, page: MessageList, known: number) => MessageWindow | undefined,
    isWanted = () => true,
  ): Promise<void> {
    const key = `${conversation} ${JSON.stringify(query)}`
    const running = this.running.get(key)
    if (running) return running.done
    const load: Load = { conversation, done: Promise.resolve(), isWanted }
    const events: Event[] = []
    this.eventsDuringLoads.add(events)
    const known = this.knownNumber(conversation)
    const run = async () => {
      const page = await this.fetch(conversation, query, PAGE)
      if (!load.isWanted()) return
      let window = merge(this.window(conversation), page, known)
      this.context.loaded({ messages: page.items })
      for (const event of events) {
        if (window && isOf(event, conversation)) window = applyToWindow(conversation, window, event, this.context.me)
      }
      if (window) this.setWindow(conversation, window)
    }
    load.done = run().finally(() => {
      this.eventsDuringLoads.delete(events)
      if (this.running.get(key) === load) this.running.delete(key)
    })
    this.running.set(key, load)
    return load.done
  }

  private async fetch(conversation: ConversationKey, query: OpeningQuery, limit: number): Promise<MessageList> {
    const { early } = this.context
    if (early?.opened?.conversation === conversation) {
      this.context.early = null
      const page = await early.page.catch(() => null)
      if (page && JSON.stringify(page.query) === JSON.stringify(query)) return page.list
    }
    const { chatId: id, rootId: message_id } = parseConversation(conversation)
    if (!message_id) {
      const params = { path: { id }, query: { ...query, limit } }
      return unwrap(this.context.api.GET('/api/chat/{id}/messages', { params }))
    }
    const { anchor: _, ...place } = query
    const params = { path: { id, message_id }, query: { ...place, limit } }
    const { root, ...page } = await unwrap(
      this.context.api.GET('/api/chat/{id}/messages/{message_id}/thread', { params }),
    )
    this.setQuote(message_id, root)
    return page
  }

  /** The newest number of a conversation that is known: a page that is asked for now has all up to it. */
  private knownNumber(conversation: ConversationKey): number {
    const { data } = this.view.get()
    const { chatId, rootId } = parseConversation(conversation)
    if (rootId) return data?.threads.get(rootId)?.last_no ?? 0
    return data?.chats.get(chatId)?.chat.last_seq ?? 0
  }

  private applyToQuotes(event: Event): void {
    const { quotes } = this.view.get()
    const change = (id: string, change: (message: Message) => Message) => {
      const known = quotes.get(id)
      const next = known && change(known)
      if (next && next !== known) this.setQuote(id, next)
    }
    if (isReaction(event)) change(event.reaction.message_id, message => withReaction(message, event, this.context.me))
    else if (isMark(event)) change(placeOf(event).message_id, message => withMark(message, event))
    else if ('message' in event && event.type !== 'message.new')
      change(event.message.id, known => keepMine(known, event.message))
    const { thread } = event.type === 'message.new' || event.type === 'message.deleted' ? event : {}
    if (thread) change(thread.root_id, root => withThread(root, thread))
  }

  private setQuote(id: string, message: Message | null): void {
    const quotes = new Map(this.view.get().quotes).set(id, message)
    if (quotes.size > QUOTES_MAX) quotes.delete(quotes.keys().next().value as string)
    this.view.set({ quotes })
  }

  private get view() {
    return this.context.view
  }

  private window(conversation: ConversationKey): MessageWindow | undefined {
    return this.view.get().windows.get(conversation)
  }

  private setWindow(conversation: ConversationKey, window: MessageWindow): void {
    const { windows: all } = this.view.get()
    const now = all.get(conversation)
    // The state may know of newer messages than the window has.
    const after = window.after || this.knownNumber(conversation) > window.end
    const next = after === window.after ? window : { ...window, after }
    if (now === next) return
    const windows = new Map(all)
    windows.delete(conversation)
    windows.set(conversation, next)
    if (windows.size > WINDOWS_MAX) windows.delete(windows.keys().next().value as ConversationKey)
    this.view.set({ windows })
  }

  private dropWindow(conversation: ConversationKey): void {
    this.dropWindows(key => key === conversation)
  }

  private dropWindows(isDropped: (conversation: ConversationKey) => boolean): void {
    const all = this.view.get().windows
    const windows = new Map([...all].filter(([key]) => !isDropped(key)))
    if (windows.size < all.size) this.view.set({ windows })
  }

  /**
   * To be called when the user leaves the conversation. A window that does not reach the end is
   * dropped, so that it opens at its first unread message next time.
   */
  leave(conversation: ConversationKey): void {
    if (this.window(conversation)?.after) this.dropWindow(conversation)
  }

  /**
   * Loads a message that another one replies to into `view.quotes`; null if the server refuses it.
   * Without an answer it is asked again.
   */
  requestQuote(conversation: ConversationKey, id: string): void {
    if (this.view.get().quotes.has(id) || this.requestedQuotes.has(id)) return
    this.requestedQuotes.add(id)
    void this.loadQuote(conversation, id)
  }

  private async loadQuote(conversation: ConversationKey, id: string): Promise<void> {
    const { signal, api } = this.context
    const path = { id: parseConversation(conversation).chatId, message_id: id }
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        const message = await unwrap(api.GET('/api/chat/{id}/messages/{message_id}', { params: { path } })).catch(
          (error: unknown) => {
            if (error instanceof ApiError && !error.isTemporary) return null
            throw error
          },
        )
        this.requestedQuotes.delete(id)
        this.setQuote(id, message)
        return
      } catch {
        await pause(backoff(failures, QUOTE_RETRY_MS, Math.random), signal)
      }
    }
  }

  async edit(message: Pick<Message, 'chat_id' | 'id'>, body: string): Promise<void> {
    const path = { id: message.chat_id, message_id: message.id }
    this.show(
      await unwrap(
        this.context.api.PATCH('/api/chat/{id}/messages/{message_id}', { params: { path }, body: { body } }),
      ),
    )
  }

  async remove(message: Message): Promise<void> {
    const path = { id: message.chat_id, message_id: message.id }
    await unwrap(this.context.api.DELETE('/api/chat/{id}/messages/{message_id}', { params: { path } }))
    this.show({ ...message, body: '', deleted_at: new Date().toISOString() })
  }

  /** Gives a reaction or takes it back. It is shown at once; a refusal takes it away again. */
  async react(message: Message, emoji: string, given: boolean): Promise<void> {
    const known = message.reactions?.find(of => isSameEmoji(of.emoji, emoji))
    if ((known?.me ?? false) === given) return
    const reaction = {
      message_id: message.id,
      seq: message.seq,
      user_id: this.context.me,
      emoji: known?.emoji ?? emoji,
      count: (known?.count ?? 0) + (given ? 1 : -1),
    }
    const type = given ? 'reaction.added' : 'reaction.removed'
    this.context.fold({ type, at: new Date().toISOString(), chat_id: message.chat_id, reaction } as ReactionEvent)
    const { api } = this.context
    const path = { id: message.chat_id, message_id: message.id }
    const params = { path: { ...path, emoji: reaction.emoji } }
    const at = '/api/chat/{id}/messages/{message_id}/reactions/{emoji}'
    const answer = unwrap<unknown>(given ? api.PUT(at, { params }) : api.DELETE(at, { params }))
    await this.orShowAgain(message, answer)
  }

  /** Pins a message or takes the pin away, as `react`. */
  async pin(message: Message, pinned: boolean): Promise<void> {
    const { api, me } = this.context
    const at = new Date().toISOString()
    const { id: message_id, seq, chat_id } = message
    if (pinned) this.context.fold({ type: 'message.pinned', at, chat_id, pin: { message_id, seq, by: me, at } })
    else this.context.fold({ type: 'message.unpinned', at, chat_id, pin: { message_id, seq } })
    const params = { path: { id: chat_id, message_id } }
    const path = '/api/chat/{id}/messages/{message_id}/pin'
    const answer = unwrap<unknown>(pinned ? api.PUT(path, { params }) : api.DELETE(path, { params }))
    await this.orShowAgain(message, answer)
  }

  /** Keeps a message for later or no more, as `react`. */
  async save(message: Message, saved: boolean): Promise<void> {
    const { api } = this.context
    const at = new Date().toISOString()
    const { id: message_id, seq, chat_id } = message
    const show = (is: boolean) =>
      this.context.fold(
        is
          ? { type: 'message.saved', at, chat_id, saved: { message_id, seq, at } }
          : { type: 'message.unsaved', at, chat_id, saved: { message_id, seq } },
      )
    show(saved)
    const params = { path: { message_id } }
    const path = '/api/saved/{message_id}'
    const answer = unwrap<unknown>(saved ? api.PUT(path, { params }) : api.DELETE(path, { params }))
    await this.orShowAgain(message, answer, () => show(!saved))
  }

  /** Waits for the answer to a change that is shown already. A refusal shows the message as it is. */
  private async orShowAgain(message: Message, answer: Promise<unknown>, undo?: () => void): Promise<void> {
    try {
      await answer
    } catch (error) {
      undo?.()
      const params = { path: { id: message.chat_id, message_id: message.id } }
      const request = unwrap(this.context.api.GET('/api/chat/{id}/messages/{message_id}', { params }))
      this.show(await request.catch(() => message))
      throw error
    }
  }

  /** Who gave this reaction, the first ones. */
  async reactors(message: Message, emoji: string): Promise<string[]> {
    const path = { id: message.chat_id, message_id: message.id, emoji }
    const page = await unwrap(
      this.context.api.GET('/api/chat/{id}/messages/{message_id}/reactions/{emoji}', {
        params: { path, query: { limit: REACTORS_SHOWN } },
      }),
    )
    return page.items.map(({ user_id }) => user_id)
  }

  private show(message: Message): void {
    if (this.view.get().quotes.has(message.id)) this.setQuote(message.id, message)
    for (const [conversation, window] of this.view.get().windows) {
      if (shows(conversation, message)) this.setWindow(conversation, replace(window, message))
    }
  }
}

function isOf(event: Event, conversation: ConversationKey): boolean {
  return 'chat_id' in event && parseConversation(conversation).chatId === event.chat_id
}

/** The number of the newest message of a window; 0 if it is empty. */
function newest(conversation: ConversationKey, { items }: MessageWindow): number {
  const last = items.at(-1)
  return last ? numberIn(conversation, last) : 0
}

/**
 * Whether the message is in the window and drawn: the oldest one is not, while there are older
 * ones.
 */
function contains(conversation: ConversationKey, window: MessageWindow, number: number): boolean {
  const oldest = window.items[0]
  const first = (oldest ? numberIn(conversation, oldest) : 1) + (window.before ? 1 : 0)
  return number >= first && number <= newest(conversation, window)
}

export const messages = {
  view: { windows: new Map(), quotes: new Map() } as Shown,
  open: (context: Context<Needs>) => new Messages(context),
}
