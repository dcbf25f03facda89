import { expect, it } from 'vitest'
import type { Event, Message } from '../../api/types'
import { append, applyToWindow, fromPage, prepend, WINDOW_MAX } from './windows'

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
const seqs = (window: { items: readonly Message[] }) => window.items.map(m => m.seq)

it('grows by new messages while it reaches the end', () => {
  const window = applyToWindow(fromPage(page(1, 2)), event('message.new', message(3)), 'me')
  expect(seqs(window)).toEqual([1, 2, 3])
  expect(applyToWindow(window, event('message.new', message(3)), 'me')).toBe(window)
})

it('has no gap: after a missed message it only notes that there are newer ones', () => {
  const window = applyToWindow(fromPage(page(1, 2)), event('message.new', message(5)), 'me')
  expect(seqs(window)).toEqual([1, 2])
  expect(window.after).toBe(true)
})

it('grows at both sides without duplicates', () => {
  let window = fromPage(page(10, 12, true, true))
  window = prepend(window, page(7, 10, true))
  window = append(window, page(12, 14, false, false))
  expect(seqs(window)).toEqual([7, 8, 9, 10, 11, 12, 13, 14])
  expect([window.before, window.after]).toEqual([true, false])
})

it('drops messages on the far side', () => {
  let window = fromPage(page(1000, 1000 + WINDOW_MAX - 1, true, false))
  window = prepend(window, page(950, 999, true))
  expect(window.items.length).toBe(WINDOW_MAX)
  expect([window.items[0]?.seq, window.after]).toEqual([950, true])
  window = append(window, page(950 + WINDOW_MAX, 950 + WINDOW_MAX + 49, true, true))
  expect([window.items.length, window.items[0]?.seq, window.before]).toEqual([WINDOW_MAX, 1000, true])
})

it('replaces an edited message', () => {
  const window = applyToWindow(fromPage(page(5, 8, true)), event('message.edited', message(6, 'better')), 'me')
  expect(window.items[1]?.body).toBe('better')
  const outside = fromPage(page(5, 8, true))
  expect(applyToWindow(outside, event('message.edited', message(2)), 'me')).toBe(outside)
})

it('marks a message as pinned and kept, and keeps what is mine through an edit', () => {
  const window = fromPage(page(1, 3))
  const place = { message_id: 'm2', seq: 2 }
  const at = '2026-11-21T09:30:00.000Z'
  const pinned: Event = { type: 'message.pinned', at, chat_id: 'c', pin: { ...place, by: 'ann', at } }
  const saved: Event = { type: 'message.saved', at, chat_id: 'c', saved: { ...place, at } }
  const both = applyToWindow(applyToWindow(window, pinned, 'me'), saved, 'me')
  expect(both.items[1]).toEqual({ ...message(2), pinned: { by: 'ann', at }, saved: true })
  expect(applyToWindow(both, pinned, 'me')).toBe(both)
  const edited = applyToWindow(both, event('message.edited', message(2, 'new')), 'me')
  expect([edited.items[1]?.pinned, edited.items[1]?.saved]).toEqual([undefined, true])
  const gone: Event = { type: 'message.unsaved', at, chat_id: 'c', saved: place }
  expect(applyToWindow(both, gone, 'me').items[1]?.saved).toBeUndefined()
})
