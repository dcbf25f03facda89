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
/** Messages of a run within this time of its first share one row. */
const RUN_MS = 10 * 60_000

/**
 * `unreadAfter` is the read position when the conversation was opened, `numberOf` says of a message what
 * positions count. The unread line follows it, unless
 * the next message is the user's own.
 */
export function rowsOf(
  window: MessageWindow,
  outgoing: readonly Outgoing[],
  me: string,
  unreadAfter: number | null,
  kindOf: (message: Message) => KindOfMessage,
  numberOf = ({ seq }: Message): number => seq,
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
  const leftOut = window.before ? countLeftOut(window.items, kindOf) : 0
  const above = window.items[leftOut - 1]
  if (above) {
    day = dayKey(above.created_at)
    if (!kindOf(above).isLine) last = { sender: above.sender_id, at: Date.parse(above.created_at) }
  }
  /** The row above, if further messages of its run may share it. */
  let run: { row: { message: Message; earlier?: readonly Message[] }; since: number } | null = null
  for (const message of window.items.slice(leftOut)) {
    const kind = kindOf(message)
    let after = false
    // A line is unread to nobody.
    if (!divided && !kind.isLine && numberOf(message) > (unreadAfter as number)) {
      divided = true
      after = message.sender_id !== me
    }
    if (
      run &&
      kind.continues?.(message, run.row.message) &&
      day === dayKey(message.created_at) &&
      Date.parse(message.created_at) - run.since <= RUN_MS
    ) {
      run.row.earlier = [...(run.row.earlier ?? []), run.row.message]
      run.row.message = message
      continue
    }
    const index = rows.length
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
    const row = { kind: kind.name, key, message, head }
    rows.push(row)
    run = kind.continues ? { row, since: Date.parse(message.created_at) } : null
  }
  if (window.after) return rows
  const newest = window.items.at(-1)
  const end = newest ? numberOf(newest) : 0
  for (const entry of outgoing) {
    if (entry.sent && numberOf(entry.sent) <= end) continue
    const head = place(me, new Date(entry.written_at).toISOString(), Boolean(entry.reply_to))
    rows.push({ kind: 'outgoing', key: keyOf(me, entry.client_id, head), entry, head })
  }
  return rows
}

/**
 * How many messages at the top are not drawn while there are older ones: without them it is not known
 * whether the oldest one has a header and a day above it, and where the rows of its run begin.
 */
function countLeftOut(items: readonly Message[], kindOf: (message: Message) => KindOfMessage): number {
  if (items.length < 2) return 0
  let count = 1
  while (count < items.length - 1) {
    const [before, message] = [items[count - 1], items[count]]
    if (!before || !message || !kindOf(message).continues?.(message, before)) break
    count++
  }
  return count
}

/**
 * The key of a message stays the same from unsent to stored, so that its row is kept. With and
 * without a header it is another row, because its measured height is another one.
 */
function keyOf(sender: string, id: string, head: boolean): string {
  return `${sender} ${id}${head ? ' head' : ''}`
}
