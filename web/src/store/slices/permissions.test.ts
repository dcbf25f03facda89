import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Api } from '../../api/client'
import type { ChatAction, ChatItem, Event } from '../../api/types'
import type { State } from '../fold'
import { emptyView } from '../store'
import { ViewHolder } from '../view'
import { Permissions } from './permissions'

const AT = '2026-11-21T09:30:00.000Z'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Two chats, and a server that answers with these statuses, then with 200; 0 is no answer. */
function setUp({ statuses = [] as number[], partial = false } = {}) {
  const view = new ViewHolder(emptyView())
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
  const permissions = new Permissions({
    api: { GET: get } as unknown as Api,
    me: 'me',
    view,
    signal: stop.signal,
    fold: () => undefined,
    loaded: () => undefined,
  })
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

it('asks once after several events, and stores the answer', async () => {
  const { permissions, asked, may } = setUp()
  permissions.onEvent(about('member.updated', 'me', 'a'))
  permissions.onEvent(about('member.joined', 'me', 'b'))
  permissions.onEvent(about('member.updated', 'me', 'a'))
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual([['a', 'b']])
  expect([may('a'), may('b')]).toEqual([
    ['see', 'update'],
    ['see', 'update'],
  ])
})

it('asks about all chats when the user changed, and about none after other events', async () => {
  const { permissions, asked } = setUp()
  permissions.onEvent(about('member.updated', 'ann'))
  permissions.onEvent(about('user.updated', 'ann'))
  permissions.onEvent(about('message.new', 'me'))
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual([])
  permissions.onEvent(about('user.updated', 'me'))
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual([['a', 'b']])
})

it('retries a failed request, with the chats that changed since', async () => {
  const { permissions, asked, may } = setUp({ statuses: [503, 0] })
  permissions.onEvent(about('member.updated', 'me', 'a'))
  await vi.advanceTimersByTimeAsync(160)
  permissions.onEvent(about('member.updated', 'me', 'b'))
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toEqual([['a'], ['a', 'b'], ['a', 'b']])
  expect(may('a')).toEqual(['see', 'update'])
})

it('asks again about a chat that changed during the request', async () => {
  const { permissions, asked, server, may } = setUp()
  permissions.onEvent(about('member.updated', 'me'))
  await vi.advanceTimersByTimeAsync(60)
  server.may = ['see', 'delete']
  permissions.onEvent(about('member.updated', 'me'))
  await vi.advanceTimersByTimeAsync(1000)
  expect([asked, may('a')]).toEqual([
    [['a'], ['a']],
    ['see', 'delete'],
  ])
})

it('does not replace a newer snapshot by an older answer', async () => {
  const { permissions, asked, may } = setUp()
  permissions.onEvent(about('member.updated', 'me'))
  await vi.advanceTimersByTimeAsync(60)
  permissions.onSnapshot()
  await vi.advanceTimersByTimeAsync(1000)
  expect([asked, may('a')]).toEqual([[['a']], ['see']])
})

it('asks again about chats whose page was loaded after the answer', async () => {
  const { permissions, asked, item } = setUp({ partial: true })
  permissions.onEvent(about('member.updated', 'me', 'c'))
  await vi.advanceTimersByTimeAsync(1000)
  permissions.onLoaded({ chats: [item('c'), item('d')] })
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked).toEqual([['c'], ['c']])
  permissions.onEvent(about('user.updated', 'me'))
  await vi.advanceTimersByTimeAsync(1000)
  permissions.onLoaded({ chats: [item('e')] })
  await vi.advanceTimersByTimeAsync(1000)
  expect(asked.slice(2)).toEqual([['a', 'b'], ['e']])
})

it('stops when the store is closed', async () => {
  const { permissions, asked, stop } = setUp({ statuses: [503] })
  permissions.onEvent(about('member.updated', 'me'))
  await vi.advanceTimersByTimeAsync(160)
  stop.abort()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toEqual([['a']])
})
