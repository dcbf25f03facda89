import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Api } from '../../api/client'
import { apply, type State } from '../fold'
import { emptyView } from '../store'
import { ViewHolder } from '../view'
import { ReadPositions } from './readPositions'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/**
 * A chat of 100 messages, 10 of them read, and a server that answers with these statuses, then with
 * 200; 0 is no answer.
 */
function setUp(...statuses: number[]) {
  const view = new ViewHolder(emptyView())
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
  const positions = new ReadPositions({
    api: { POST: post } as unknown as Api,
    me: 'me',
    view,
    signal: stop.signal,
    fold: event => view.set({ data: apply(view.get().data as State, event) }),
    loaded: () => undefined,
  })
  return { positions, asked, stop, read: () => view.get().data?.chats.get('c')?.read_seq }
}

it('sends the read position once for several marks, and never moves it back', async () => {
  const { positions, asked, read } = setUp()
  for (const seq of [11, 20, 15, 30]) positions.markRead('c', seq)
  expect(positions.readTo('c')).toBe(30)
  await vi.advanceTimersByTimeAsync(5000)
  positions.markRead('c', 30)
  positions.markRead('c', 12)
  positions.markRead('nowhere', 12)
  await vi.advanceTimersByTimeAsync(5000)
  expect([asked, read()]).toEqual([[30], 30])
})

it('retries a failed request with the newest position', async () => {
  const { positions, asked, read } = setUp(503, 0, 503)
  positions.markRead('c', 20)
  await vi.advanceTimersByTimeAsync(260)
  positions.markRead('c', 40)
  await vi.advanceTimersByTimeAsync(60_000)
  expect([asked, read()]).toEqual([[20, 40, 40, 40], 40])
})

it('gives up when the server refuses, or when the store is closed', async () => {
  const refused = setUp(403)
  refused.positions.markRead('c', 20)
  await vi.advanceTimersByTimeAsync(60_000)
  expect([refused.asked, refused.positions.readTo('c')]).toEqual([[20], 10])
  const closed = setUp(503)
  closed.positions.markRead('c', 20)
  await vi.advanceTimersByTimeAsync(260)
  closed.stop.abort()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(closed.asked).toEqual([20])
})
