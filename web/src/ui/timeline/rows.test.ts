import { expect, it } from 'vitest'
import type { Message } from '../../api/types'
import { conversationKey } from '../../store/conversation'
import { fromPage } from '../../store/slices/windows'
import { kindOfMessage } from './kinds'
import { rowsOf } from './rows'

const CHAT = conversationKey('c')
const message = (seq: number, sender_id: string, at: string, rest: Partial<Message> = {}): Message => ({
  id: `m${seq}`,
  chat_id: 'c',
  seq,
  kind: 'user',
  sender_id,
  body: `${seq}`,
  created_at: at,
  ...rest,
})
const rows = (items: Message[], unreadAfter: number | null, before = false, kindOf = kindOfMessage) =>
  rowsOf(
    fromPage(CHAT, { items, has_more: before, has_more_before: before, has_more_after: false }, 0),
    [],
    'me',
    unreadAfter,
    kindOf,
  )
const shape = (all: ReturnType<typeof rows>) =>
  all.map(row => (row.kind === 'message' ? `${row.message.seq}${row.head ? ' head' : ''}` : row.kind))

it('groups messages of one sender, and separates days', () => {
  const all = rows(
    [
      message(1, 'ann', '2026-11-20T12:00:00Z'),
      message(2, 'ann', '2026-11-20T12:01:00Z'),
      message(3, 'ann', '2026-11-20T12:30:00Z'),
      message(4, 'bob', '2026-11-20T12:30:10Z'),
      message(5, 'bob', '2026-11-20T12:30:20Z', { reply_to: 'm1' }),
      message(6, 'bob', '2026-11-22T12:00:00Z'),
    ],
    null,
  )
  expect(shape(all)).toEqual(['start', 'day', '1 head', '2', '3 head', '4 head', '5 head', 'day', '6 head'])
})

it('puts the line before the first unread message, unless that is an own one', () => {
  const at = '2026-11-20T12:00:00Z'
  const items = [message(1, 'ann', at), message(2, 'ann', at), message(3, 'me', at)]
  expect(shape(rows(items, 1))).toEqual(['start', 'day', '1 head', 'unread', '2 head', '3 head'])
  expect(shape(rows(items, 2))).toEqual(['start', 'day', '1 head', '2', '3 head'])
  expect(shape(rows(items, 0))).toEqual(['start', 'day', 'unread', '1 head', '2', '3 head'])
})

it('has no row that changes when older messages are loaded', () => {
  const items = Array.from({ length: 9 }, (_, i) =>
    message(i + 1, i < 5 ? 'ann' : 'bob', `2026-11-${i < 3 ? 20 : 21}T12:0${i}:00Z`),
  )
  const all = rows(items, null)
  for (let from = 1; from < items.length - 1; from++) {
    const some = rows(items.slice(from), null, true)
    expect(some[0]?.kind).toBe('more')
    expect(all.slice(-(some.length - 1))).toEqual(some.slice(1))
  }
})

it('has unique keys', () => {
  const at = '2026-11-20T12:00:00Z'
  const items = [
    message(1, 'ann', at, { client_id: 'x' }),
    message(2, 'bob', at, { client_id: 'x' }),
    message(3, 'me', at),
  ]
  const outgoing = [
    { client_id: 'y', chat_id: 'c', root_id: null, body: 'b', reply_to: null, written_at: Date.parse(at) },
  ]
  const window = fromPage(CHAT, { items, has_more: false, has_more_before: false, has_more_after: false }, 0)
  const keys = rowsOf(window, outgoing, 'me', 1, kindOfMessage).map(row => row.key)
  expect(new Set(keys).size).toBe(keys.length)
})

it('shows what is left of a deleted message in its place, under the same key', () => {
  const at = '2026-11-20T12:00:00Z'
  const items = [message(1, 'ann', at), message(2, 'ann', at), message(3, 'ann', at)]
  const deleted = items.map(m => (m.seq === 2 ? { ...m, body: '', deleted_at: at } : m))
  const [before, after] = [rows(items, null), rows(deleted, null)]
  expect(after.map(row => row.kind)).toEqual(['start', 'day', 'message', 'tombstone', 'message'])
  expect(after.map(row => row.key)).toEqual(before.map(row => row.key))
})

it('has lines without a sender, after which the next message has a header', () => {
  const at = '2026-11-20T12:00:00Z'
  const items = [1, 2, 3, 4].map(seq => message(seq, 'ann', at))
  const line = (m: Message) => ({ name: kindOfMessage(m).name, isLine: m.seq === 2 })
  const all = rows(items, null, false, line)
  expect(shape(all)).toEqual(['start', 'day', '1 head', '2', '3 head', '4'])
  // The same when the messages above are not loaded.
  for (const from of [1, 2]) {
    const some = rows(items.slice(from), null, true, line)
    expect(all.slice(-(some.length - 1))).toEqual(some.slice(1))
  }
})

const at = (minute: number) => new Date(Date.parse('2026-11-20T12:00:00Z') + minute * 60_000).toISOString()
const joined = (seq: number, minute: number, who = `p${seq}`, by = who): Message =>
  message(seq, by, at(minute), { kind: 'system', body: '', system: { type: 'joined', user_ids: [who] } })
const told = (all: ReturnType<typeof rows>) =>
  all.map(row => ('message' in row ? [...(row.earlier ?? []), row.message].map(({ seq }) => seq).join('+') : row.kind))

it('draws those who joined within ten minutes as one line', () => {
  const all = rows(
    [
      message(1, 'ann', at(0), { kind: 'system', body: '', system: { type: 'made' } }),
      joined(2, 1),
      joined(3, 5),
      joined(4, 11),
      joined(5, 12), // eleven minutes after the first
      joined(6, 13, 'p6', 'ann'), // was added
      joined(7, 14, 'p7', 'ann'),
      message(8, 'ann', at(14)),
      joined(9, 14),
    ],
    null,
  )
  expect(told(all)).toEqual(['start', 'day', '1', '2+3+4', '5', '6+7', '8', '9'])
  expect(shape(all).slice(-2)).toEqual(['8 head', 'system'])
})

it('keeps the row of those who joined when another one does', () => {
  const [two, three] = [
    rows([joined(1, 0), joined(2, 1)], null),
    rows([joined(1, 0), joined(2, 1), joined(3, 2)], null),
  ]
  expect(three.map(row => row.key)).toEqual(two.map(row => row.key))
})

it('puts the unread line before what a person wrote, and never before a system line', () => {
  const items = [message(1, 'ann', at(0)), joined(2, 1), message(3, 'ann', at(2))]
  expect(shape(rows(items, 1))).toEqual(['start', 'day', '1 head', 'system', 'unread', '3 head'])
  expect(shape(rows(items.slice(0, 2), 1))).toEqual(['start', 'day', '1 head', 'system'])
})

it('has no line about people that changes when older messages are loaded', () => {
  // Runs of every kind, longer than what shares one row.
  const items = Array.from({ length: 130 }, (_, i) =>
    i % 60 === 7 ? message(i + 1, 'ann', at(i)) : joined(i + 1, i * 0.7),
  )
  const all = rows(items, null)
  // A page is longer than a run.
  for (let from = 1; from < items.length - 51; from++) {
    const some = rows(items.slice(from), null, true)
    expect(all.slice(-(some.length - 1)), `from ${from}`).toEqual(some.slice(1))
  }
})
