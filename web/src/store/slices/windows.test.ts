import { expect, it } from 'vitest'
import type { Event, Message } from '../../api/types'
import { conversationKey } from '../conversation'
import { append, applyToWindow, fromPage, type MessageWindow, prepend, WINDOW_MAX } from './windows'

const message = (seq: number, body = `${seq}`): Message => ({
  id: `m${seq}`, chat_id: 'c', seq, kind: 'user', sender_id: 'u', body, created_at: '2026-11-21T09:30:00.000Z',
}) // biome-ignore format: a table
const page = (from: number, to: number, before = false, after = false) => ({
  items: Array.from({ length: to - from + 1 }, (_, i) => message(from + i)),
  has_more: before || after,
  has_more_before: before,
  has_more_after: after,
})
const event = (type: 'message.new' | 'message.edited', m: Message): Event => ({
  type,
  at: '',
  chat_id: 'c',
  message: m,
})
const CHAT = conversationKey('c')
const THREAD = conversationKey('c', 'm1')
const pageOf = (page: Parameters<typeof fromPage>[1], known = 0) => fromPage(CHAT, page, known)
const apply = (window: MessageWindow, event: Event, me: string) => applyToWindow(CHAT, window, event, me)
const seqs = (window: { items: readonly Message[] }) => window.items.map(m => m.seq)

it('grows by new messages while it reaches the end', () => {
  const window = apply(pageOf(page(1, 2)), event('message.new', message(3)), 'me')
  expect(seqs(window)).toEqual([1, 2, 3])
  expect(apply(window, event('message.new', message(3)), 'me')).toBe(window)
})

it('has no gap: after a missed message it only notes that there are newer ones', () => {
  const window = apply(pageOf(page(1, 2)), event('message.new', message(5)), 'me')
  expect(seqs(window)).toEqual([1, 2])
  expect(window.after).toBe(true)
})

it('grows at both sides without duplicates', () => {
  let window = pageOf(page(10, 12, true, true))
  window = prepend(CHAT, window, page(7, 10, true))
  window = append(CHAT, window, page(12, 14, false, false))
  expect(seqs(window)).toEqual([7, 8, 9, 10, 11, 12, 13, 14])
  expect([window.before, window.after]).toEqual([true, false])
})

it('drops messages on the far side', () => {
  let window = pageOf(page(1000, 1000 + WINDOW_MAX - 1, true, false))
  window = prepend(CHAT, window, page(950, 999, true))
  expect(window.items.length).toBe(WINDOW_MAX)
  expect([window.items[0]?.seq, window.after]).toEqual([950, true])
  window = append(CHAT, window, page(950 + WINDOW_MAX, 950 + WINDOW_MAX + 49, true, true))
  expect([window.items.length, window.items[0]?.seq, window.before]).toEqual([WINDOW_MAX, 1000, true])
})

it('replaces an edited message', () => {
  const window = apply(pageOf(page(5, 8, true)), event('message.edited', message(6, 'better')), 'me')
  expect(window.items[1]?.body).toBe('better')
  const outside = pageOf(page(5, 8, true))
  expect(apply(outside, event('message.edited', message(2)), 'me')).toBe(outside)
})

const reply = (seq: number, thread_no: number, also_in_chat = false): Event => ({
  type: 'message.new',
  at: '',
  chat_id: 'c',
  message: { ...message(seq), root_id: 'm1', thread_no, also_in_chat },
  thread: {
    root_id: 'm1', root_seq: 1, root_sender_id: 'u', reply_count: thread_no, last_no: thread_no, deleted_count: 0,
    last_reply_at: '', participants: ['u'],
  }, // biome-ignore format: a table
})

it('goes on behind replies that stand in their threads alone, and shows them at the root', () => {
  let window = apply(apply(pageOf(page(1, 2)), reply(3, 1), 'me'), reply(4, 2), 'me')
  expect([seqs(window), window.end]).toEqual([[1, 2], 4])
  expect(window.items[0]?.thread?.reply_count).toBe(2)
  window = apply(apply(window, event('message.new', message(5)), 'me'), reply(6, 3, true), 'me')
  expect([seqs(window), window.after]).toEqual([[1, 2, 5, 6], false])
  // One that it has not seen may have been a message of the main line.
  expect(apply(window, reply(8, 4), 'me').after).toBe(true)
})

it('has all that was known when its page was asked for', () => {
  const window = apply(pageOf(page(1, 2), 4), event('message.new', message(5)), 'me')
  expect([seqs(window), window.after]).toEqual([[1, 2, 5], false])
})

it('counts in a thread by the numbers there', () => {
  const empty = fromPage(THREAD, page(1, 0), 0)
  const window = [reply(3, 1), reply(7, 2, true)].reduce((window, e) => applyToWindow(THREAD, window, e, 'me'), empty)
  expect([seqs(window), window.after, window.end]).toEqual([[3, 7], false, 2])
  expect(applyToWindow(THREAD, window, event('message.new', message(8)), 'me')).toBe(window)
  expect(applyToWindow(THREAD, window, reply(9, 4), 'me').after).toBe(true)
})

it('marks a message as pinned and kept, and keeps what is mine through an edit', () => {
  const window = pageOf(page(1, 3))
  const place = { message_id: 'm2', seq: 2 }
  const at = '2026-11-21T09:30:00.000Z'
  const pinned: Event = { type: 'message.pinned', at, chat_id: 'c', pin: { ...place, by: 'ann', at } }
  const saved: Event = { type: 'message.saved', at, chat_id: 'c', saved: { ...place, at } }
  const both = apply(apply(window, pinned, 'me'), saved, 'me')
  expect(both.items[1]).toEqual({ ...message(2), pinned: { by: 'ann', at }, saved: true })
  expect(apply(both, pinned, 'me')).toBe(both)
  const edited = apply(both, event('message.edited', message(2, 'new')), 'me')
  expect([edited.items[1]?.pinned, edited.items[1]?.saved]).toEqual([undefined, true])
  const gone: Event = { type: 'message.unsaved', at, chat_id: 'c', saved: place }
  expect(apply(both, gone, 'me').items[1]?.saved).toBeUndefined()
})
