// Unsent messages. They are shown at once, survive reloads and outages, and are sent one after the
// other in each chat, with retries. An entry is dropped when the stream brings its message. Each
// entry has a storage key of its own, so tabs do not overwrite each other's.
//
// The invariant: a message is stored once, however often it is sent, because a retry has the same
// `client_id`.
import type { Refusal } from '../api/client'
import type { Message } from '../api/types'
import type { KeyValueStorage } from './storage'

export interface Outgoing {
  client_id: string
  chat_id: string
  body: string
  reply_to: string | null
  /** The time of writing, which is also the order within the chat. */
  written_at: number
  /** Why the server refused it for good. The user may edit, retry or discard it. */
  refused?: Refusal | undefined
  /** The stored message, which the stream has not brought yet. Only in memory. */
  sent?: Message | undefined
}

export interface OutboxOptions {
  storage: KeyValueStorage
  prefix: string
  /**
   * Resolves with the stored message. Throws `SendRefused` for good, anything else to be retried.
   */
  send: (entry: Outgoing) => Promise<Message>
  /** A lock: one tab at a time sends to a chat. */
  exclusive: <T>(chatId: string, work: () => Promise<T>) => Promise<T>
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

export class Outbox {
  private entries = new Map<string, Outgoing>()
  private readonly sending = new Set<string>()
  private stopped = false
  private readonly options: OutboxOptions

  constructor(options: OutboxOptions) {
    this.options = options
    this.reload()
  }

  /** All entries in the order of writing. */
  list(): Outgoing[] {
    return [...this.entries.values()].sort((a, b) => a.written_at - b.written_at)
  }

  add(chat_id: string, body: string, reply_to: string | null): Outgoing {
    const now = (this.options.now ?? Date.now)()
    const newest = Math.max(0, ...[...this.entries.values()].map(entry => entry.written_at))
    const entry: Outgoing = {
      client_id: (this.options.id ?? newId)(),
      chat_id,
      body,
      reply_to,
      written_at: Math.max(now, newest + 1),
    }
    this.put(entry)
    this.changed()
    void this.drain(chat_id)
    return entry
  }

  /** Sends a refused message again, with a new `client_id`. */
  retry({ client_id }: Outgoing): void {
    const entry = this.entries.get(client_id)
    if (entry?.refused) this.editAndResend(entry, entry.body)
  }

  /** Sends a refused message with a new text, even if another tab has discarded it meanwhile. */
  editAndResend({ client_id, chat_id, reply_to }: Outgoing, body: string): void {
    this.remove(client_id)
    this.add(chat_id, body, reply_to)
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
  reload(): void {
    const { storage, prefix } = this.options
    const next = new Map<string, Outgoing>()
    for (const key of storage.keys()) {
      if (!key.startsWith(prefix)) continue
      const entry = parse(storage.get(key))
      if (entry) next.set(entry.client_id, entry)
    }
    // Sent entries are no longer in storage, but are shown until the stream brings them.
    for (const [id, entry] of this.entries) if (entry.sent) next.set(id, entry)
    this.entries = next
    this.changed()
    for (const chat of new Set([...next.values()].map(entry => entry.chat_id))) void this.drain(chat)
  }

  stop(): void {
    this.stopped = true
  }

  private async drain(chat_id: string): Promise<void> {
    if (this.sending.has(chat_id) || this.stopped || !this.next(chat_id)) return
    this.sending.add(chat_id)
    try {
      let failures = 0
      while (!this.stopped && this.next(chat_id)) {
        const done = await this.options.exclusive(chat_id, () => this.sendNext(chat_id))
        failures = done ? 0 : failures + 1
        if (!done) await this.options.pause(failures)
      }
    } finally {
      this.sending.delete(chat_id)
    }
  }

  private next(chat_id: string): Outgoing | undefined {
    return this.list().find(entry => entry.chat_id === chat_id && !entry.sent && !entry.refused)
  }

  private async sendNext(chat_id: string): Promise<boolean> {
    const entry = this.next(chat_id)
    if (!entry) return true
    // Another tab has sent or discarded it.
    if (this.options.storage.get(this.key(entry.client_id)) === null) {
      this.entries.delete(entry.client_id)
      this.changed()
      return true
    }
    try {
      const sent = await this.options.send(entry)
      this.options.storage.remove(this.key(entry.client_id))
      // The stream may have brought it before the response.
      if (this.entries.has(entry.client_id)) this.entries.set(entry.client_id, { ...entry, sent })
    } catch (error) {
      if (!(error instanceof SendRefused)) return false
      this.put({ ...entry, refused: error.refusal })
    }
    this.changed()
    return true
  }

  private put(entry: Outgoing): void {
    this.entries.set(entry.client_id, entry)
    this.options.storage.set(this.key(entry.client_id), JSON.stringify(entry))
  }

  private remove(client_id: string): void {
    this.entries.delete(client_id)
    this.options.storage.remove(this.key(client_id))
  }

  private key(client_id: string): string {
    return this.options.prefix + client_id
  }

  private changed(): void {
    this.options.onChange()
  }
}

/** Not `randomUUID`: a page that is not served securely does not have it. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, '0')).join('')
}

function parse(text: string | null): Outgoing | null {
  try {
    const entry = JSON.parse(text ?? 'null') as Outgoing | null
    return entry && typeof entry.client_id === 'string' && typeof entry.body === 'string' ? entry : null
  } catch {
    return null
  }
}
