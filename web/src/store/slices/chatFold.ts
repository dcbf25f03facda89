// What the chats of the user are after a snapshot and after an event. Pure. tests/fold_cases.json has
// its rules as cases, which the chaos suite's fold (chaos/src/fold.rs) runs too.
//
// The invariant: an event that the chats already contain changes nothing for good. So chats that
// were fetched later than the cursor, and tabs that share a stream, can be folded too.
import type { ChangedThread, Chat, ChatItem, Event, Member, Message, ReadPosition } from '../../api/types'
import { isInMainLine } from '../conversation'
import { withMark } from '../marks'
import { withReaction } from '../reactions'
import type { Fold } from '../slice'
import { withThread } from '../threadSummary'

export type Chats = ReadonlyMap<string, ChatItem>

export const chatFold: Fold<Chats> = {
  /** As long as the snapshot is only a part, the chats that it leaves out stay as they were. */
  fromSnapshot: ({ chats }, before) => {
    const fresh = chats.items.map(item => [item.chat.id, item] as const)
    return new Map(chats.has_more && before ? [...before, ...fresh] : fresh)
  },
  apply,
}

function apply(chats: Chats, event: Event, me: string): Chats {
  switch (event.type) {
    case 'message.new':
      return change(chats, event.chat_id, item => withRoot(withNew(item, event.message, me), event.thread))
    case 'chat.created': {
      const member = event.members.find(member => member.user_id === me)
      return member ? add(chats, event.chat, member, null) : chats
    }
    case 'message.deleted':
      return change(chats, event.chat_id, item =>
        withRoot(withDeleted(item, event.message, event.deleted_count), event.thread),
      )
    case 'reaction.added':
    case 'reaction.removed':
      return change(chats, event.chat_id, item =>
        withLast(item, item.last_message && withReaction(item.last_message, event)),
      )
    case 'message.pinned':
    case 'message.unpinned':
      return change(chats, event.chat_id, item =>
        withLast(item, item.last_message && withMark(item.last_message, event)),
      )
    case 'chat.updated':
      return change(chats, event.chat_id, item => withChat(item, event.chat))
    case 'chat.read':
      return change(chats, event.chat_id, item => (contains(item, event.read) ? item : withRead(item, event.read)))
    case 'member.joined':
      if (event.member.user_id === me) return add(chats, event.chat, event.member, event.last_message ?? null)
      return change(chats, event.chat_id, item => withChat(item, event.chat))
    case 'member.updated':
      return change(chats, event.chat_id, item => {
        const next = withChat(item, event.chat)
        return event.member.user_id === me ? { ...next, member: event.member } : next
      })
    case 'member.left':
      if (event.member.user_id === me) return without(chats, event.chat_id)
      return change(chats, event.chat_id, item => withChat(item, event.chat))
    case 'chat.deleted':
      return without(chats, event.chat_id)
    default:
      // Any other event with a message shows that message as it is now. The rest changes no chat.
      if (!('message' in event)) return chats
      return change(chats, event.chat_id, item =>
        item.last_message?.id === event.message.id ? { ...item, last_message: event.message } : item,
      )
  }
}

/** The message that the list shows may be the root of a thread. */
function withRoot(item: ChatItem, thread: ChangedThread | undefined): ChatItem {
  return thread ? withLast(item, item.last_message && withThread(item.last_message, thread)) : item
}

/**
 * A system line is unread to nobody and says of nobody that they have read. Nor does a reply that stands
 * in its thread alone, which no list shows.
 */
function withNew(item: ChatItem, message: Message, me: string): ChatItem {
  const isCounted = message.kind !== 'system' && isInMainLine(message)
  let next = item
  const further = message.seq - item.chat.last_seq
  if (further > 0) {
    const last_root_no = item.chat.last_root_no + (isCounted ? further : 0)
    const chat = { ...item.chat, last_seq: message.seq, last_root_no }
    const last_message = isInMainLine(message) ? laterShown(item.last_message, message) : item.last_message
    next = withLast(withChat(item, chat), last_message)
  }
  if (isCounted && message.sender_id === me && message.seq > item.read_seq) {
    const unread_count = Math.min(next.unread_count, next.chat.last_seq - message.seq)
    next = { ...next, read_seq: message.seq, unread_count }
  }
  return next
}

/** The one of two that a list of chats shows: what a person wrote before a system line, and then the newer one. */
function laterShown(known: Message | null | undefined, other: Message | null): Message | null {
  if (!known || !other) return known ?? other
  if (known.kind !== other.kind) return known.kind === 'system' ? other : known
  return other.seq > known.seq ? other : known
}

function withLast(item: ChatItem, last_message: Message | null | undefined): ChatItem {
  return last_message === item.last_message ? item : { ...item, last_message }
}

/** The count of deletions tells whether the state contains this one already. */
function withDeleted(item: ChatItem, message: Message, deleted_count: number): ChatItem {
  const next = item.last_message?.id === message.id ? { ...item, last_message: message } : item
  if (deleted_count <= item.chat.deleted_count || !isInMainLine(message)) return next
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
    unread_count: read.unread_count + item.chat.last_root_no - read.last_root_no,
  }
}

/** Counts never go back, so an older picture of the chat does not take newer ones away. */
function withChat(item: ChatItem, chat: Chat): ChatItem {
  const last_seq = Math.max(chat.last_seq, item.chat.last_seq)
  const last_root_no = Math.max(chat.last_root_no, item.chat.last_root_no)
  const deleted_count = Math.max(chat.deleted_count, item.chat.deleted_count)
  const unread_count = item.unread_count + last_root_no - item.chat.last_root_no
  return { ...item, chat: { ...chat, last_seq, last_root_no, deleted_count }, unread_count }
}

function add(chats: Chats, chat: Chat, member: Member, last_message: Message | null): Chats {
  const known = chats.get(chat.id)
  const item = known
    ? {
        // Who joins starts with everything read, also where their leaving went by unseen.
        ...(chat.last_seq > known.read_seq ? withAllRead(known, chat) : withChat(known, chat)),
        member,
        last_message: laterShown(known.last_message, last_message),
      }
    : // What the user may do there is not in an event: permissions.ts asks.
      { chat, member, last_message, read_seq: chat.last_seq, unread_count: 0, may: [] }
  return new Map(chats).set(chat.id, item)
}

function withAllRead(item: ChatItem, chat: Chat): ChatItem {
  const next = withChat(item, chat)
  return { ...next, read_seq: chat.last_seq, unread_count: next.chat.last_root_no - chat.last_root_no }
}

function without(chats: Chats, id: string): Chats {
  if (!chats.has(id)) return chats
  const next = new Map(chats)
  next.delete(id)
  return next
}

function change(chats: Chats, id: string, change: (item: ChatItem) => ChatItem): Chats {
  const item = chats.get(id)
  if (!item) return chats
  const next = change(item)
  return next === item ? chats : new Map(chats).set(id, next)
}
