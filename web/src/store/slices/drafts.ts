// What is being written in each conversation: the draft of a message, and the edit of one. Both survive
// reloads and are the same in all tabs. Each conversation has a storage key of its own, so tabs do not
// overwrite each other's drafts.
//
// The invariant: an edit has a text of its own, so the draft stays untouched.
//
// Typing is written to the storage a moment later, since that is slow, and at once when the page may
// end: a crash of the browser loses no more than that moment.
import type { Message } from '../../api/types'
import type { ConversationKey } from '../conversation'
import type { Context, Live } from '../slice'
import { deviceStorage, type KeyValueStorage } from '../storage'
import type { Outgoing } from './outbox'

export interface Draft {
  readonly text: string
  /** The id of the message that it replies to. */
  readonly reply_to: string | null
  readonly edit: Edit | null
}

/** What is edited instead of the draft: an own message, or an unsent one that was refused. */
export interface Edit {
  /** The id of the message; the `client_id` of an unsent one. */
  readonly id: string
  readonly unsent: boolean
  readonly reply_to: string | null
  /** The text as it was sent. */
  readonly before: string
  readonly text: string
}

/** What can be edited. */
export type Edited = Message | Outgoing

const EMPTY: Draft = { text: '', reply_to: null, edit: null }
const KEPT_AFTER_MS = 300

export class Drafts implements Live {
  private readonly storage: KeyValueStorage
  private readonly prefix: string
  private readonly drafts = new Map<ConversationKey, Draft>()
  private readonly listeners = new Set<() => void>()
  /** What was typed in them is not in the storage yet. */
  private readonly unkept = new Set<ConversationKey>()
  private timer: ReturnType<typeof setTimeout> | undefined

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
    const { text, edit } = this.get(conversation)
    return text.trim() !== '' || edit !== null
  }

  change(conversation: ConversationKey, change: Partial<Draft>): void {
    this.update(conversation, { ...this.get(conversation), ...change })
    this.unkept.add(conversation)
    this.keep()
  }

  /** The user has changed the text of the edit, or of the draft if there is none. */
  type(conversation: ConversationKey, text: string): void {
    const draft = this.get(conversation)
    this.update(conversation, draft.edit ? { ...draft, edit: { ...draft.edit, text } } : { ...draft, text })
    this.unkept.add(conversation)
    this.timer ??= setTimeout(() => this.keep(), KEPT_AFTER_MS)
  }

  /** Writes to the storage what is not there yet. */
  keep(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    for (const conversation of this.unkept) {
      const draft = this.get(conversation)
      const key = this.prefix + conversation
      if (isEmpty(draft)) this.storage.remove(key)
      else this.storage.set(key, JSON.stringify(draft))
    }
    this.unkept.clear()
  }

  close(): void {
    this.keep()
  }

  /** Begins to edit a message. */
  edit(conversation: ConversationKey, message: Edited): void {
    const { body, reply_to = null } = message
    const unsent = 'written_at' in message
    const id = unsent ? message.client_id : message.id
    this.change(conversation, { edit: { id, unsent, reply_to, before: body, text: body } })
  }

  clear(conversation: ConversationKey): void {
    this.change(conversation, EMPTY)
  }

  /** Reads one key from storage: at the start, and when another tab has changed it. */
  onStorage(key: string): void {
    if (!key.startsWith(this.prefix)) return
    const conversation = key.slice(this.prefix.length) as ConversationKey
    // What is typed here is newer.
    if (!this.unkept.has(conversation)) this.update(conversation, parse(this.storage.get(key)))
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private update(conversation: ConversationKey, draft: Draft): void {
    if (isEmpty(draft)) this.drafts.delete(conversation)
    else this.drafts.set(conversation, draft)
    for (const listener of this.listeners) listener()
  }
}

function isEmpty({ text, reply_to, edit }: Draft): boolean {
  return text === '' && reply_to === null && edit === null
}

function parse(json: string | null): Draft {
  try {
    const draft = JSON.parse(json ?? 'null') as Partial<Draft> | null
    if (typeof draft?.text !== 'string') return EMPTY
    const { text, reply_to = null, edit } = draft
    return { text, reply_to, edit: typeof edit?.id === 'string' && typeof edit.text === 'string' ? edit : null }
  } catch {
    return EMPTY
  }
}

export const drafts = {
  open: ({ me, signal }: Context<object>) => {
    const drafts = new Drafts(deviceStorage, `parlor.draft.${me}.`)
    const keep = () => drafts.keep()
    for (const event of ['blur', 'pagehide']) addEventListener(event, keep, { signal })
    document.addEventListener('visibilitychange', keep, { signal })
    return drafts
  },
}
