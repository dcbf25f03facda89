// Which messages a conversation opens with.
import type { ChatItem, ThreadState } from '../api/types'

export interface OpeningQuery {
  before?: number
  after?: number
  around?: number
  anchor?: 'first_unread'
}

/** Those around `seq`, or else from the first unread one, or else the newest. */
export function openingQuery(item: ChatItem | undefined, seq: number | undefined): OpeningQuery {
  if (seq !== undefined) return { around: seq }
  return (item?.unread_count ?? 0) > 0 ? { anchor: 'first_unread' } : {}
}

/** The same for a thread: around `no`, or else from the first unread reply, or else the newest. */
export function openingThreadQuery(thread: ThreadState | undefined, no: number | undefined): OpeningQuery {
  if (no !== undefined) return { around: no }
  return thread && thread.unread_count > 0 ? { around: thread.read_no + 1 } : {}
}
