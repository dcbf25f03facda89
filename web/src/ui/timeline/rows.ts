// The rows of a timeline from top to bottom, as a flat list for the virtual list. Pure.
//
// The invariant: a row never changes when older messages are loaded above it.
import type { Message } from '../../api/types'
import type { Outgoing } from '../../store/slices/outbox'
import type { MessageWindow } from '../../store/slices/windows'
import { dayKey } from '../dates'
import type { KindOfMessage, Row } from './kinds'

/** Messages of one sender within this time share one header. */
const GROUP_MS = 5 * 60_000

/**
 * `unreadAfter` is the read position when the chat was opened. The unread line follows it, unless
 * the next message is the user's own.
 */
export function rowsOf(
  window: MessageWindow,
  outgoing: readonly Outgoing[],
  me: string,
  unreadAfter: number | null,
  kindOf: (message: Message) => KindOfMessage,
): Row[] {
  const rows: Row[] = [window.before ? { kind: 'more', key: 'more' } : { kind: 'start', key: 'start' }]
  let day: string | null = null
  /** The message above, unless it is a line or of another day. */
  let last: { sender: string; at: number } | null = null
  let divided = unreadAfter === null
  const place = (sender: string, at: string, reply: boolean): boolean => {
    const when = Date.parse(at)
    if (day !== dayKey(at)) {
      day = dayKey(at)
      rows.push({ kind: 'day', key: `day ${day}`, at })
      last = null
    }
    const head = reply || last === null || last.sender !== sender || when - last.at > GROUP_MS
    last = { sender, at: when }
    return head
  }
  // The oldest message of the window is left out while there are older ones: without them it is not
  // known whether it has a header and a day above it.
  const [oldest] = window.items
  const leftOut = window.before && oldest && window.items.length > 1 ? oldest : null
  if (leftOut) {
    day = dayKey(leftOut.created_at)
    if (!kindOf(leftOut).isLine) last = { sender: leftOut.sender_id, at: Date.parse(leftOut.created_at) }
  }
  for (const message of window.items) {
    if (message === leftOut) continue
    let after = false
    if (!divided && message.seq > (unreadAfter as number)) {
      divided = true
      after = message.sender_id !== me
    }
    const index = rows.length
    const kind = kindOf(message)
    let head = place(message.sender_id, message.created_at, Boolean(message.reply_to))
    if (after) {
      head = true
      // Below the line of the day, if there is one.
      rows.splice(Math.max(rows.length, index), 0, { kind: 'unread', key: 'unread' })
    }
    if (kind.isLine) {
      head = false
      last = null
    }
    const key = keyOf(message.sender_id, message.client_id ?? message.id, head)
    rows.push({ kind: kind.name, key, message, head })
  }
  if (window.after) return rows
  const end = window.items.at(-1)?.seq ?? 0
  for (const entry of outgoing) {
    if (entry.sent && entry.sent.seq <= end) continue
    const head = place(me, new Date(entry.written_at).toISOString(), Boolean(entry.reply_to))
    rows.push({ kind: 'outgoing', key: keyOf(me, entry.client_id, head), entry, head })
  }
  return rows
}

/**
 * The key of a message stays the same from unsent to stored, so that its row is kept. With and
 * without a header it is another row, because its measured height is another one.
 */
function keyOf(sender: string, id: string, head: boolean): string {
  return `${sender} ${id}${head ? ' head' : ''}`
}
