// What the user knows of the threads that they follow, after a snapshot and after an event. Pure.
// tests/fold_cases.json has its rules as cases.
import type { ChangedThread, Event, Message, Snapshot, ThreadState } from '../../api/types'
import type { Fold } from '../slice'

/** The threads that the user follows, by the id of the root. */
export type Threads = ReadonlyMap<string, ThreadState>

export const threadFold: Fold<Threads> = {
  /** As long as the snapshot is only a part, the threads that it leaves out stay as they were. */
  fromSnapshot: ({ threads }: Snapshot, before) => {
    const fresh = threads.items.map(thread => [thread.root_id, thread] as const)
    return new Map(threads.has_more && before ? [...before, ...fresh] : fresh)
  },
  apply,
}

function apply(threads: Threads, event: Event, me: string): Threads {
  switch (event.type) {
    case 'message.new':
      return event.thread ? withReply(threads, event.message, event.thread, me) : threads
    case 'message.deleted':
      return event.thread ? withDeleted(threads, event.message, event.thread) : threads
    case 'thread.updated':
      return withState(threads, event.thread)
    case 'member.left':
      return event.member.user_id === me ? withoutChat(threads, event.chat_id) : threads
    case 'chat.deleted':
      return withoutChat(threads, event.chat_id)
    default:
      return threads
  }
}

function withReply(threads: Threads, message: Message, thread: ChangedThread, me: string): Threads {
  const { root_id } = thread
  const no = message.thread_no ?? 0
  const known = threads.get(root_id)
  if (known && no <= known.last_no) return threads
  const { deleted_count } = known ?? thread
  const mine = { root_id, chat_id: message.chat_id, following: true, last_no: no, deleted_count }
  if (message.sender_id === me) return set(threads, { ...mine, read_no: no, unread_count: 0 })
  if (known) return set(threads, { ...known, last_no: no, unread_count: known.unread_count + 1 })
  if (no === 1 && thread.root_sender_id === me) return set(threads, { ...mine, read_no: 0, unread_count: 1 })
  return threads
}

/** The count of deletions tells whether the state contains this one already. */
function withDeleted(threads: Threads, message: Message, { root_id, deleted_count }: ChangedThread): Threads {
  const known = threads.get(root_id)
  if (!known || deleted_count <= known.deleted_count) return threads
  const unread_count = known.unread_count - ((message.thread_no ?? 0) > known.read_no ? 1 : 0)
  return set(threads, { ...known, deleted_count, unread_count })
}

/** An answer that a later reply or deletion has overtaken is brought up to it. */
function withState(threads: Threads, state: ThreadState): Threads {
  const known = threads.get(state.root_id)
  if (!state.following) return known ? without(threads, id => id === state.root_id) : threads
  if (known && (state.read_no < known.read_no || state.deleted_count < known.deleted_count)) return threads
  const later = Math.max(0, (known?.last_no ?? 0) - state.last_no)
  return set(threads, { ...state, last_no: state.last_no + later, unread_count: state.unread_count + later })
}

function set(threads: Threads, state: ThreadState): Threads {
  return new Map(threads).set(state.root_id, state)
}

function withoutChat(threads: Threads, chatId: string): Threads {
  return without(threads, (_, { chat_id }) => chat_id === chatId)
}

function without(threads: Threads, isGone: (rootId: string, state: ThreadState) => boolean): Threads {
  const next = new Map([...threads].filter(([id, state]) => !isGone(id, state)))
  return next.size === threads.size ? threads : next
}
