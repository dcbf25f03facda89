import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Api } from '../api/client'
import type { State } from './fold'
import type { Outbox } from './outbox'
import { Reading } from './reading'
import { ViewHolder } from './view'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A chat of 100 messages of which 10 are read, and a server that answers with these statuses and then well; 0 is no answer. */
function setUp(...statuses: number[]) {
  const view = new ViewHolder()
  const item = { chat: { id: 'c', last_seq: 100 }, read_seq: 10, unread_count: 90 }
  view.set({ data: { user: { id: 'me' }, chats: new Map([['c', item]]) } as unknown as State })
  const asked: number[] = []
  const post = async (_: string, { body: { seq } }: { body: { seq: number } }) => {
    asked.push(seq)
    const status = statuses.shift() ?? 200
    if (status === 0) throw new TypeError('network')
    return { data: { seq, unread_count: 100 - seq }, error: {}, response: { ok: status === 200, status } }
  }
  const stop = new AbortController()
  const reading = new Reading({ POST: post } as unknown as Api, view, {} as Outbox, stop.signal)
  return { reading, asked, stop, read: () => view.get().data?.chats.get('c')?.read_seq }
}

it('tells how far one has read, once for what was read at a stretch, and never backwards', async () => {
  const { reading, asked, read } = setUp()
  for (const seq of [11, 20, 15, 30]) reading.markRead('c', seq)
  expect(reading.readTo('c')).toBe(30)
  await vi.advanceTimersByTimeAsync(5000)
  reading.markRead('c', 30)
  reading.markRead('c', 12)
  reading.markRead('nowhere', 12)
  await vi.advanceTimersByTimeAsync(5000)
  expect([asked, read()]).toEqual([[30], 30])
})

it('tells it again when that failed, with what was read since', async () => {
  const { reading, asked, read } = setUp(503, 0, 503)
  reading.markRead('c', 20)
  await vi.advanceTimersByTimeAsync(260)
  reading.markRead('c', 40)
  await vi.advanceTimersByTimeAsync(60_000)
  expect([asked, read()]).toEqual([[20, 40, 40, 40], 40])
})

it('lets it be when the server will not have it, or nobody waits any more', async () => {
  const refused = setUp(403)
  refused.reading.markRead('c', 20)
  await vi.advanceTimersByTimeAsync(60_000)
  expect([refused.asked, refused.reading.readTo('c')]).toEqual([[20], 10])
  const closed = setUp(503)
  closed.reading.markRead('c', 20)
  await vi.advanceTimersByTimeAsync(260)
  closed.stop.abort()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(closed.asked).toEqual([20])
})
