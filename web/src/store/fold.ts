// What a client does with events: applies them to the snapshot it has. Pure. tests/fold_cases.json holds the rules as cases,
// which the chaos suite's fold (chaos/src/fold.rs) runs too.
//
// The invariant: an event that the state already contains changes nothing for good. So chats that were fetched later than the
// cursor, and tabs that share a stream, can be folded too.
import type { Chat, ChatItem, Event, Member, Message, ReadPosition, Snapshot, User, Workspace } from '../api/types'

export interface State {
  readonly user: User
  readonly workspace: Workspace
  readonly chats: ReadonlyMap<string, ChatItem>
  /** People by id: those that were looked up or heard of, not everybody. */
  readonly users: ReadonlyMap<string, User>
}

/** `before` is what was known till then: people, and as long as the snapshot is only a part, the chats that it leaves out. */
export function fromSnapshot(snapshot: Snapshot, before?: State): State {
  const { user, workspace, chats } = snapshot
  const fresh = chats.items.map(item => [item.chat.id, item] as const)
  return {
    user,
    workspace,
    chats: new Map(chats.has_more && before ? [...before.chats, ...fresh] : fresh),
    users: new Map(before?.users).set(user.id, user),
  }
}

export function apply(state: State, event: Event): State {
  const me = state.user.id
  switch (event.type) {
    case 'message.new':
      return change(state, event.chat_id, item => withNew(item, event.message, me))
    case 'chat.created': {
      const member = event.members.find(member => member.user_id === me)
      return member ? add(state, event.chat, member, null) : state
    }
    case 'message.deleted':
      return change(state, event.chat_id, item => withDeleted(item, event.message, event.deleted_count))
    case 'chat.updated':
      return change(state, event.chat_id, item => withChat(item, event.chat))
    case 'chat.read':
      return change(state, event.chat_id, item => (contains(item, event.read) ? item : withRead(item, event.read)))
    case 'member.joined':
      if (event.member.user_id === me) return add(state, event.chat, event.member, event.last_message ?? null)
      return change(state, event.chat_id, item => withChat(item, event.chat))
    case 'member.updated':
      return change(state, event.chat_id, item => {
        const next = withChat(item, event.chat)
        return event.member.user_id === me ? { ...next, member: event.member } : next
      })
    case 'member.left':
      if (event.member.user_id === me) return without(state, event.chat_id)
      return change(state, event.chat_id, item => withChat(item, event.chat))
    case 'chat.deleted':
      return without(state, event.chat_id)
    case 'user.joined':
    case 'user.updated':
    case 'user.deactivated': {
      const users = new Map(state.users).set(event.user.id, event.user)
      return { ...state, users, user: event.user.id === me ? event.user : state.user }
    }
    case 'workspace.updated':
      return { ...state, workspace: event.workspace }
    default:
      // Any other event with a message shows that message as it is now. The rest changes no state.
      if (!('message' in event)) return state
      return change(state, event.chat_id, item =>
        item.last_message?.id === event.message.id ? { ...item, last_message: event.message } : item,
      )
  }
}

function withNew(item: ChatItem, message: Message, me: string): ChatItem {
  let next = item
  if (message.seq > item.chat.last_seq) {
    next = { ...withChat(item, { ...item.chat, last_seq: message.seq }), last_message: message }
  }
  if (message.sender_id === me && message.seq > item.read_seq) {
    next = { ...next, read_seq: message.seq, unread_count: next.chat.last_seq - message.seq }
  }
  return next
}

/** The count of deletions tells whether the state contains this one already. */
function withDeleted(item: ChatItem, message: Message, deleted_count: number): ChatItem {
  const next = item.last_message?.id === message.id ? { ...item, last_message: message } : item
  if (deleted_count <= item.chat.deleted_count) return next
  const unread_count = item.unread_count - (message.seq > item.read_seq ? 1 : 0)
  return { ...next, chat: { ...item.chat, deleted_count }, unread_count }
}

/** An answer that a deletion has overtaken is left to the event, which has the counts of its place. */
function contains(item: ChatItem, read: ReadPosition): boolean {
  return read.seq <= item.read_seq || read.deleted_count < item.chat.deleted_count
}

/**
 * A position may come before the messages and deletions that it counts, as the answer to my own request does. The unread
 * count is less by those until they come, for a moment even below zero.
 */
function withRead(item: ChatItem, read: ReadPosition): ChatItem {
  return {
    ...item,
    chat: { ...item.chat, deleted_count: read.deleted_count },
    read_seq: read.seq,
    unread_count: read.unread_count + item.chat.last_seq - read.last_seq,
  }
}

/** Counts never go back, so an older picture of the chat does not take newer ones away. */
function withChat(item: ChatItem, chat: Chat): ChatItem {
  const last_seq = Math.max(chat.last_seq, item.chat.last_seq)
  const deleted_count = Math.max(chat.deleted_count, item.chat.deleted_count)
  const unread_count = item.unread_count + last_seq - item.chat.last_seq
  return { ...item, chat: { ...chat, last_seq, deleted_count }, unread_count }
}

function add(state: State, chat: Chat, member: Member, last_message: Message | null): State {
  const known = state.chats.get(chat.id)
  const item = known
    ? {
        // Who joins starts with everything read, also where their leaving went by unseen.
        ...(chat.last_seq > known.read_seq ? withAllRead(known, chat) : withChat(known, chat)),
        member,
        last_message: (last_message?.seq ?? 0) > (known.last_message?.seq ?? 0) ? last_message : known.last_message,
      }
    : // What one may do there is not in an event: the store asks.
      { chat, member, last_message, read_seq: chat.last_seq, unread_count: 0, may: [] }
  return { ...state, chats: new Map(state.chats).set(chat.id, item) }
}

function withAllRead(item: ChatItem, chat: Chat): ChatItem {
  const next = withChat(item, chat)
  return { ...next, read_seq: chat.last_seq, unread_count: next.chat.last_seq - chat.last_seq }
}

function without(state: State, id: string): State {
  if (!state.chats.has(id)) return state
  const chats = new Map(state.chats)
  chats.delete(id)
  return { ...state, chats }
}

function change(state: State, id: string, change: (item: ChatItem) => ChatItem): State {
  const item = state.chats.get(id)
  if (!item) return state
  const next = change(item)
  return next === item ? state : { ...state, chats: new Map(state.chats).set(id, next) }
}

/**
 * The chats that a snapshot had no room for, merged while the stream goes on: what happened to a chat since its page was asked
 * for is told to it afterwards.
 */
export class Paging {
  private readonly meanwhile: Event[] = []
  /** Those that need not be fetched: they came with the snapshot, a page or an event. */
  private readonly known: Set<string>
  /** Those that an event spoke of as new to somebody: they are still there. */
  private readonly joined = new Set<string>()

  constructor(fresh: readonly ChatItem[]) {
    this.known = new Set(fresh.map(item => item.chat.id))
  }

  /** The same for a chat that came by itself. */
  knows(id: string): void {
    this.known.add(id)
  }

  saw(event: Event): void {
    if (!('chat_id' in event)) return
    this.meanwhile.push(event)
    if (event.type === 'chat.created' || event.type === 'member.joined') this.joined.add(event.chat_id)
  }

  merge(state: State, items: readonly ChatItem[]): State {
    const fresh = items.filter(item => !this.known.has(item.chat.id))
    if (fresh.length === 0) return state
    const chats = new Map(state.chats)
    for (const item of fresh) chats.set(item.chat.id, item)
    const ids = new Set(fresh.map(item => item.chat.id))
    for (const id of ids) this.known.add(id)
    let next: State = { ...state, chats }
    for (const event of this.meanwhile) {
      if ('chat_id' in event && ids.has(event.chat_id)) next = apply(next, event)
    }
    return next
  }

  /** All pages are here: what was in none of them, and did not come since, is no chat of mine any more. */
  finish(state: State): State {
    const chats = new Map(state.chats)
    for (const id of chats.keys()) if (!this.known.has(id) && !this.joined.has(id)) chats.delete(id)
    return chats.size === state.chats.size ? state : { ...state, chats }
  }
}
