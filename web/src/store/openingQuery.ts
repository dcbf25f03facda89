// Which messages a conversation opens with.
import type { ChatItem } from '../api/types'

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
