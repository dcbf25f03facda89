import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Api } from '../api/client'
import type { ChatAction, ChatItem, Event } from '../api/types'
import type { State } from './fold'
import { Permissions } from './permissions'
import { ViewHolder } from './view'

const AT = '2026-11-21T09:30:00.000Z'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Two chats, and a server that answers with these statuses and then well; 0 is no answer. */
function setUp({ statuses = [] as number[], partial = false } = {}) {
  const view = new ViewHolder()
  const item = (id: string) => ({ chat: { id }, may: ['see'] }) as unknown as ChatItem
  const chats = new Map(['a', 'b'].map(id => [id, item(id)]))
  view.set({ data: { user: { id: 'me' }, chats } as unknown as State, partial })
  const asked: string[][] = []
  const server = { may: ['see', 'update'] as ChatAction[] }
  const get = async (_: string, { params }: { params: { query: { ids: string[] } } }) => {
    const { ids } = params.query
    asked.push(ids)
    const { may } = server
    await new Promise(done => setTimeout(done, 100))
    const status = statuses.shift() ?? 200
    if (status === 0) throw new TypeError('network')
    const items = ids.map(chat_id => ({ chat_id, may }))
    return { data: { items }, error: {}, response: { ok: status === 200, status } }
  }
  const stop = new AbortController()
  const permissions = new Permissions({ GET: get } as unknown as Api, view, stop.signal)
  const may = (id: string) => view.get().data?.chats.get(id)?.may
  return { permissions, asked, server, stop, view, item, may }
}

function about(type: string, who: string, chat_id = 'a'): Event {
  const member = { user_id: who, role: 'owner', joined_at: AT }
  return {
    at: AT,
    type,
    ...(type === 'user.updated' ? { user: { id: who } } : { chat_id, member }),
  } as unknown as Event
}

it('asks once for what happens together, and shows the answer', async () => {
  const { permissions, asked, may } = setUp()
  permissions.saw(about('member.updated', 'me', 'a'))
  permissions.saw(about('member.joined', 'me', 'b'))
  permissions.saw(about('member.updated', 'me', 'a'))
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual([['a', 'b']])
  expect([may('a'), may('b')]).toEqual([
    ['see', 'update'],
    ['see', 'update'],
  ])
})

it('asks about every chat when I am changed, and about none when it is about others or changes nothing', async () => {
  const { permissions, asked } = setUp()
  permissions.saw(about('member.updated', 'ann'))
  permissions.saw(about('user.updated', 'ann'))
  permissions.saw(about('message.new', 'me'))
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual([])
  permissions.saw(about('user.updated', 'me'))
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual([['a', 'b']])
})

it('asks again when that failed, with what happened since', async () => {
  const { permissions, asked, may } = setUp({ statuses: [503, 0] })
  permissions.saw(about('member.updated', 'me', 'a'))
  await vi.advanceTimersByTimeAsync(160)
  permissions.saw(about('member.updated', 'me', 'b'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toEqual([['a'], ['a', 'b'], ['a', 'b']])
  expect(may('a')).toEqual(['see', 'update'])
})

it('asks again about what changed while it was asking', async () => {
  const { permissions, asked, server, may } = setUp()
  permissions.saw(about('member.updated', 'me'))
  await vi.advanceTimersByTimeAsync(60)
  server.may = ['see', 'delete']
  permissions.saw(about('member.updated', 'me'))
  await vi.advanceTimersByTimeAsync(1000)
  expect([asked, may('a')]).toEqual([
    [['a'], ['a']],
    ['see', 'delete'],
  ])
})

it('does not put an answer over a snapshot that is newer', async () => {
  const { permissions, asked, may } = setUp()
  permissions.saw(about('member.updated', 'me'))
  await vi.advanceTimersByTimeAsync(60)
  permissions.forget()
  await vi.advanceTimersByTimeAsync(1000)
  expect([asked, may('a')]).toEqual([[['a']], ['see']])
})

it('asks again about chats whose page came after the answer', async () => {
  const { permissions, asked, item } = setUp({ partial: true })
  permissions.saw(about('member.updated', 'me', 'c'))
  await vi.advanceTimersByTimeAsync(1000)
  permissions.arrived([item('c'), item('d')])
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual([['c'], ['c']])
  permissions.saw(about('user.updated', 'me'))
  await vi.advanceTimersByTimeAsync(1000)
  permissions.arrived([item('e')])
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked.slice(2)).toEqual([['a', 'b'], ['e']])
})

it('stops with the store', async () => {
  const { permissions, asked, stop } = setUp({ statuses: [503] })
  permissions.saw(about('member.updated', 'me'))
  await vi.advanceTimersByTimeAsync(160)
  stop.abort()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toEqual([['a']])
})
