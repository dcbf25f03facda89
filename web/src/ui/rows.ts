// What stands in a chat from top to bottom, as a flat list for the virtual scroller. Pure.
import type { Message } from '../api/types'
import type { Outgoing } from '../store/outbox'
import type { MessageWindow } from '../store/windows'
import { dayKey } from './dates'

export type Row =
  | { kind: 'start'; key: string }
  | { kind: 'more'; key: string }
  | { kind: 'day'; key: string; at: string }
  | { kind: 'unread'; key: string }
  | { kind: 'message'; key: string; message: Message; head: boolean }
  | { kind: 'outgoing'; key: string; entry: Outgoing; head: boolean }

/** Messages of one person within this time stand under one name. */
const GROUP_MS = 5 * 60_000

/** `unreadAfter` is how far I had read when I came; the divider stands behind it, unless what follows is mine. */
export function rowsOf(
  window: MessageWindow,
  outgoing: readonly Outgoing[],
  me: string,
  unreadAfter: number | null,
): Row[] {
  const rows: Row[] = [window.before ? { kind: 'more', key: 'more' } : { kind: 'start', key: 'start' }]
  let last: { sender: string; at: number; day: string } | null = null
  let divided = unreadAfter === null
  const place = (sender: string, at: string, reply: boolean): boolean => {
    const day = dayKey(at)
    const when = Date.parse(at)
    if (last?.day !== day) {
      rows.push({ kind: 'day', key: `day ${day}`, at })
      last = null
    }
    const head = reply || last === null || last.sender !== sender || when - last.at > GROUP_MS
    last = { sender, at: when, day }
    return head
  }
  // Whether the oldest one here stands under a name and a day is not known before what comes before it is here: were it drawn now,
  // it would change then, under the reader's eyes.
  const [oldest] = window.items
  const held = window.before && oldest && window.items.length > 1 ? oldest : null
  if (held) last = { sender: held.sender_id, at: Date.parse(held.created_at), day: dayKey(held.created_at) }
  for (const message of window.items) {
    if (message === held) continue
    let after = false
    if (!divided && message.seq > (unreadAfter as number)) {
      divided = true
      after = message.sender_id !== me
    }
    const index = rows.length
    let head = place(message.sender_id, message.created_at, Boolean(message.reply_to))
    if (after) {
      head = true
      // Behind the day's line, if one was just drawn.
      rows.splice(Math.max(rows.length, index), 0, { kind: 'unread', key: 'unread' })
    }
    rows.push({ kind: 'message', key: keyOf(message.sender_id, message.client_id ?? message.id, head), message, head })
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
 * Mine keep the key they had on their way out, so they settle without being drawn anew. A message that gains or loses its head,
 * because older ones came before it, is another row to the scroller: its old height tells nothing.
 */
function keyOf(sender: string, id: string, head: boolean): string {
  return `${sender} ${id}${head ? ' head' : ''}`
}
