// Unsent messages. They are shown at once, survive reloads and outages, and are sent one after the
// other in each conversation, with retries. An entry is dropped when the stream brings its message.
// Without a storage they are sent all the same, but do not survive a reload.
//
// The invariant: a message is stored once, however often it is sent, because a retry has the same
// `client_id`.
import { ApiError, type Refusal, unwrap } from '../../api/client'
import type { Event, Message } from '../../api/types'
import { type ConversationKey, conversationOf, parseConversation } from '../conversation'
import { exclusive } from '../locks'
import { type OutboxStorage, type Outgoing, openOutboxStorage } from '../outboxStorage'
import { backoff, pause } from '../retry'
import type { Context, Live, Loaded } from '../slice'

export type { Outgoing }

export interface OutboxOptions {
  storage: OutboxStorage
  /**
   * Resolves with the stored message. Throws `SendRefused` for good, anything else to be retried.
   */
  send: (entry: Outgoing) => Promise<Message>
  /** A lock: one tab at a time sends to a conversation. */
  exclusive: <T>(conversation: ConversationKey, work: () => Promise<T>) => Promise<T>
  pause: (failures: number) => Promise<void>
  onChange: () => void
  now?: () => number
  id?: () => string
}

/** The server refused a message, and would refuse it again. */
export class SendRefused extends Error {
  readonly refusal: Refusal

  constructor({ code, fields }: Refusal) {
    super(code)
    this.refusal = { code, fields }
  }
}

export class Outbox implements Live {
  private entries = new Map<string, Outgoing>()
  /** Entries that are not stored, or not yet: the storage says nothing about them. */
  private readonly unstored = new Set<string>()
  /** For each reload that is running, the entries that were changed meanwhile. */
  private readonly changedDuringReloads = new Set<Set<string>>()
  private readonly sending = new Set<ConversationKey>()
  private stopped = false
  private readonly options: OutboxOptions

  constructor(options: OutboxOptions) {
    this.options = options
    void this.reload()
  }

  /** All entries in the order of writing. */
  list(): Outgoing[] {
    return [...this.entries.values()].sort((a, b) => a.written_at - b.written_at)
  }

  /** `alsoInChat`: a reply in a thread is to stand in the main line as well. */
  add(conversation: ConversationKey, body: string, reply_to: string | null, alsoInChat = false): Outgoing {
    const { chatId, rootId } = parseConversation(conversation)
    const now = (this.options.now ?? Date.now)()
    const newest = Math.max(0, ...[...this.entries.values()].map(entry => entry.written_at))
    const entry: Outgoing = {
      client_id: (this.options.id ?? newId)(),
      chat_id: chatId,
      root_id: rootId,
      body,
      reply_to,
      ...(alsoInChat ? { also_in_chat: true } : {}),
      written_at: Math.max(now, newest + 1),
    }
    this.put(entry)
    this.changed()
    void this.drain(conversation)
    return entry
  }

  /** Sends a refused message again, with a new `client_id`. */
  retry({ client_id }: Outgoing): void {
    const entry = this.entries.get(client_id)
    if (entry?.refused) this.editAndResend(entry, entry.body)
  }

  /** Sends a refused message with a new text (and without a reply to what is gone), even if another tab has discarded it meanwhile. */
  editAndResend(entry: Pick<Outgoing, 'client_id' | 'chat_id' | 'root_id' | 'reply_to'>, body: string): void {
    const { refused, also_in_chat } = this.entries.get(entry.client_id) ?? {}
    // It would be refused for ever: what it replies to is gone.
    const isOrphan = refused?.fields?.some(field => field.code === 'no_such_message')
    this.remove(entry.client_id)
    this.add(conversationOf(entry), body, isOrphan ? null : entry.reply_to, also_in_chat)
  }

  discard(client_id: string): void {
    if (!this.entries.get(client_id)?.refused) return
    this.remove(client_id)
    this.changed()
  }

  /** Drops the entry of a message that the stream or a page has brought. */
  acknowledge(message: Message): void {
    if (message.client_id && this.entries.has(message.client_id)) {
      this.remove(message.client_id)
      this.changed()
    }
  }

  /** Reads all entries from storage: at the start, and when another tab has changed them. */
  async reload(): Promise<void> {
    const changed = new Set<string>()
    this.changedDuringReloads.add(changed)
    const stored = await this.options.storage.all()
    this.changedDuringReloads.delete(changed)
    if (!stored || this.stopped) return
    const next = new Map(stored.filter(entry => !changed.has(entry.client_id)).map(entry => [entry.client_id, entry]))
    for (const [id, entry] of this.entries) {
      // Sent entries are no longer in storage, but are shown until the stream brings them.
      if (entry.sent || changed.has(id) || this.unstored.has(id)) next.set(id, entry)
    }
    this.entries = next
    this.changed()
    for (const conversation of new Set([...next.values()].map(conversationOf))) void this.drain(conversation)
  }

  onEvent(event: Event): void {
    if (event.type === 'message.new') this.acknowledge(event.message)
  }

  onLoaded({ messages = [] }: Loaded): void {
    for (const message of messages) this.acknowledge(message)
  }

  close(): void {
    this.stopped = true
    this.options.storage.close()
  }

  private async drain(conversation: ConversationKey): Promise<void> {
    if (this.sending.has(conversation) || this.stopped || !this.next(conversation)) return
    this.sending.add(conversation)
    try {
      let failures = 0
      while (!this.stopped && this.next(conversation)) {
        const done = await this.options.exclusive(conversation, () => this.sendNext(conversation))
        failures = done ? 0 : failures + 1
        if (!done) await this.options.pause(failures)
      }
    } finally {
      this.sending.delete(conversation)
    }
  }

  private next(conversation: ConversationKey): Outgoing | undefined {
    return this.list().find(entry => conversationOf(entry) === conversation && !entry.sent && !entry.refused)
  }

  private async sendNext(conversation: ConversationKey): Promise<boolean> {
    const entry = this.next(conversation)
    if (!entry) return true
    const { client_id } = entry
    // Another tab has sent or discarded it.
    if (!this.unstored.has(client_id) && (await this.options.storage.has(client_id)) === false) {
      this.entries.delete(client_id)
      this.changed()
      return true
    }
    try {
      const sent = await this.options.send(entry)
      // The stream may have brought it before the response.
      if (this.entries.has(client_id)) this.entries.set(client_id, { ...entry, sent })
      this.changed()
      // Before another tab gets the lock.
      await this.forget(client_id)
      return true
    } catch (error) {
      if (!(error instanceof SendRefused)) return false
      this.put({ ...entry, refused: error.refusal })
    }
    this.changed()
    return true
  }

  private put(entry: Outgoing): void {
    const { client_id } = entry
    this.entries.set(client_id, entry)
    this.note(client_id)
    this.unstored.add(client_id)
    void this.options.storage.put(entry).then(stored => stored && this.unstored.delete(client_id))
  }

  private remove(client_id: string): void {
    this.entries.delete(client_id)
    void this.forget(client_id)
  }

  private forget(client_id: string): Promise<void> {
    this.note(client_id)
    this.unstored.delete(client_id)
    return this.options.storage.remove(client_id)
  }

  private note(client_id: string): void {
    for (const changed of this.changedDuringReloads) changed.add(client_id)
  }

  private changed(): void {
    this.options.onChange()
  }
}

/** Not `randomUUID`: a page that is not served securely does not have it. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}

interface Shown {
  readonly outgoing: readonly Outgoing[]
}

function open({ api, me, view, signal }: Context<Shown>): Outbox {
  const outbox: Outbox = new Outbox({
    storage: openOutboxStorage({ me, onChange: () => void outbox.reload() }),
    send: async entry => {
      const { chat_id: id, root_id } = entry
      const body = { body: entry.body, client_id: entry.client_id, reply_to: entry.reply_to }
      try {
        if (!root_id) return await unwrap(api.POST('/api/chat/{id}/messages', { params: { path: { id } }, body }))
        const params = { path: { id, message_id: root_id } }
        const reply = { ...body, also_in_chat: entry.also_in_chat ?? false }
        return await unwrap(api.POST('/api/chat/{id}/messages/{message_id}/thread', { params, body: reply }))
      } catch (error) {
        if (error instanceof ApiError && !error.isTemporary) throw new SendRefused(error)
        throw error
      }
    },
    exclusive: (conversation, work) => exclusive(`parlor-send-${conversation}`, work),
    pause: failures => pause(backoff(failures, 1000, Math.random) / 2, signal),
    onChange: () => queueMicrotask(() => view.set({ outgoing: outbox.list() })),
  })
  return outbox
}

export const outbox = { view: { outgoing: [] } as Shown, open }
