// What a message shows of the thread about it, after an event. Pure.
import type { ChangedThread, Message } from '../api/types'

/** The root of a thread after a reply. What the viewer has read of it is no part of the event. */
export function withThread(root: Message, changed: ChangedThread): Message {
  const { root_id, root_seq: _, root_sender_id: __, ...thread } = changed
  if (root.id !== root_id) return root
  const known = root.thread
  // An older picture of it takes nothing away.
  if (known && (known.last_no > thread.last_no || known.deleted_count > thread.deleted_count)) return root
  const { following, unread_count } = known ?? {}
  const mine = following === undefined ? {} : { following, unread_count: unread_count ?? 0 }
  return { ...root, thread: { ...thread, ...mine } }
}
