// Unsent text of each chat. Drafts survive reloads and are the same in all tabs. Each has a storage
// key of its own, so tabs do not overwrite each other's drafts.
import type { KeyValueStorage } from './storage'

export interface Draft {
  readonly text: string
  /** The id of the message that it replies to. */
  readonly reply_to: string | null
}

const EMPTY: Draft = { text: '', reply_to: null }

export class Drafts {
  private readonly storage: KeyValueStorage
  private readonly prefix: string
  private readonly drafts = new Map<string, Draft>()
  private readonly listeners = new Set<() => void>()

  constructor(storage: KeyValueStorage, prefix: string) {
    this.storage = storage
    this.prefix = prefix
    for (const key of storage.keys()) this.reload(key)
  }

  get(chatId: string): Draft {
    return this.drafts.get(chatId) ?? EMPTY
  }

  /** Whether there is unsent text. */
  has(chatId: string): boolean {
    return this.get(chatId).text.trim() !== ''
  }

  change(chatId: string, change: Partial<Draft>): void {
    const draft = { ...this.get(chatId), ...change }
    const key = this.prefix + chatId
    if (draft.text === '' && draft.reply_to === null) this.storage.remove(key)
    else this.storage.set(key, JSON.stringify(draft))
    this.update(chatId, draft)
  }

  clear(chatId: string): void {
    this.change(chatId, EMPTY)
  }

  /** Reads one key from storage: at the start, and when another tab has changed it. */
  reload(key: string): void {
    if (key.startsWith(this.prefix)) this.update(key.slice(this.prefix.length), parse(this.storage.get(key)))
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private update(chatId: string, draft: Draft): void {
    if (draft.text === '' && draft.reply_to === null) this.drafts.delete(chatId)
    else this.drafts.set(chatId, draft)
    for (const listener of this.listeners) listener()
  }
}

function parse(text: string | null): Draft {
  try {
    const draft = JSON.parse(text ?? 'null') as Partial<Draft> | null
    return typeof draft?.text === 'string' ? { text: draft.text, reply_to: draft.reply_to ?? null } : EMPTY
  } catch {
    return EMPTY
  }
}
