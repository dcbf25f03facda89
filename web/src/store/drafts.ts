// What is being written, chat by chat. It survives reloads and is the same in all tabs; each has its own key on the storage, so that
// tabs cannot undo one another.
import type { KeyValueStorage } from './storage'

export interface Draft {
  readonly text: string
  /** The message that it answers. */
  readonly reply_to: string | null
}

const NOTHING: Draft = { text: '', reply_to: null }

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
    return this.drafts.get(chatId) ?? NOTHING
  }

  /** Whether there are words that were not sent. */
  has(chatId: string): boolean {
    return this.get(chatId).text.trim() !== ''
  }

  change(chatId: string, change: Partial<Draft>): void {
    const draft = { ...this.get(chatId), ...change }
    const key = this.prefix + chatId
    if (draft.text === '' && draft.reply_to === null) this.storage.remove(key)
    else this.storage.set(key, JSON.stringify(draft))
    this.hold(chatId, draft)
  }

  clear(chatId: string): void {
    this.change(chatId, NOTHING)
  }

  /** What the storage holds under that key now: after a start, and when another tab changed it. */
  reload(key: string): void {
    if (key.startsWith(this.prefix)) this.hold(key.slice(this.prefix.length), parse(this.storage.get(key)))
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private hold(chatId: string, draft: Draft): void {
    if (draft.text === '' && draft.reply_to === null) this.drafts.delete(chatId)
    else this.drafts.set(chatId, draft)
    for (const listener of this.listeners) listener()
  }
}

function parse(text: string | null): Draft {
  try {
    const draft = JSON.parse(text ?? 'null') as Partial<Draft> | null
    return typeof draft?.text === 'string' ? { text: draft.text, reply_to: draft.reply_to ?? null } : NOTHING
  } catch {
    return NOTHING
  }
}
