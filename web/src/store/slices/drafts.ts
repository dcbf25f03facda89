// Unsent text of each conversation. Drafts survive reloads and are the same in all tabs. Each has a
// storage key of its own, so tabs do not overwrite each other's drafts.
import type { ConversationKey } from '../conversation'
import type { Context, Live } from '../slice'
import { type KeyValueStorage, keyValueStorage } from '../storage'

export interface Draft {
  readonly text: string
  /** The id of the message that it replies to. */
  readonly reply_to: string | null
}

const EMPTY: Draft = { text: '', reply_to: null }

export class Drafts implements Live {
  private readonly storage: KeyValueStorage
  private readonly prefix: string
  private readonly drafts = new Map<ConversationKey, Draft>()
  private readonly listeners = new Set<() => void>()

  /** The key of the storage is the prefix and the key of the conversation. */
  constructor(storage: KeyValueStorage, prefix: string) {
    this.storage = storage
    this.prefix = prefix
    for (const key of storage.keys()) this.onStorage(key)
  }

  get(conversation: ConversationKey): Draft {
    return this.drafts.get(conversation) ?? EMPTY
  }

  /** Whether there is unsent text. */
  has(conversation: ConversationKey): boolean {
    return this.get(conversation).text.trim() !== ''
  }

  change(conversation: ConversationKey, change: Partial<Draft>): void {
    const draft = { ...this.get(conversation), ...change }
    const key = this.prefix + conversation
    if (draft.text === '' && draft.reply_to === null) this.storage.remove(key)
    else this.storage.set(key, JSON.stringify(draft))
    this.update(conversation, draft)
  }

  clear(conversation: ConversationKey): void {
    this.change(conversation, EMPTY)
  }

  /** Reads one key from storage: at the start, and when another tab has changed it. */
  onStorage(key: string): void {
    if (!key.startsWith(this.prefix)) return
    this.update(key.slice(this.prefix.length) as ConversationKey, parse(this.storage.get(key)))
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private update(conversation: ConversationKey, draft: Draft): void {
    if (draft.text === '' && draft.reply_to === null) this.drafts.delete(conversation)
    else this.drafts.set(conversation, draft)
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

export const drafts = {
  open: ({ me }: Context<object>) => new Drafts(keyValueStorage(localStorage), `parlor.draft.${me}.`),
}
