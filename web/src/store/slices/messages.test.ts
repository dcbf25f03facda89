import { expect, it } from 'vitest'
import type { Api } from '../../api/client'
import type { Event, Message } from '../../api/types'
import { type ConversationKey, conversationKey } from '../conversation'
import type { State } from '../fold'
import type { Loaded } from '../slice'
import { emptyView } from '../store'
import { ViewHolder } from '../view'
import { Messages } from './messages'
import { WINDOW_MAX } from './windows'

const CHAT = conversationKey('c')
const THREAD = conversationKey('c', 'm1')
const OTHER = conversationKey('d')

const message = (seq: number, rest: object = {}): Message => ({
  id: `m${seq}`, chat_id: 'c', seq, kind: 'user', sender_id: 'u', body: `${seq}`, created_at: '', ...rest,
}) // biome-ignore format: a table
const created = (m: Message): Event => ({ type: 'message.new', at: '', chat_id: m.chat_id, message: m })

/** Two chats with loaded windows, and a server that answers with `page`. */
function setUp(page: Message[] = []) {
  const view = new ViewHolder(emptyView())
  const chats = new Map(['c', 'd'].map(id => [id, { chat: { id, last_seq: 0 } }]))
  const window = { items: [message(1)], before: false, after: false, end: 1 }
  const windows = new Map([CHAT, THREAD, OTHER].map(key => [key, window]))
  view.set({ data: { user: { id: 'me' }, chats, threads: new Map() } as unknown as State, windows })
  const asked: string[] = []
  const get = async (path: string, { params }: { params: { path: { id: string } } }) => {
    asked.push(path.replace('{id}', params.path.id))
    await Promise.resolve()
    const data = { items: page, has_more: false, has_more_before: false, has_more_after: false }
    return { data, error: {}, response: { ok: true, status: 200 } }
  }
  const brought: Loaded[] = []
  const messages = new Messages({
    api: { GET: get } as unknown as Api,
    me: 'me',
    view,
    signal: new AbortController().signal,
    fold: () => undefined,
    loaded: what => void brought.push(what),
  })
  const bodies = (key: ConversationKey) =>
    view
      .get()
      .windows.get(key)
      ?.items.map(m => m.body)
  return { view, messages, asked, brought, bodies }
}

it('puts a new message into the window of its conversation only', () => {
  const { messages, bodies } = setUp()
  messages.onEvent(created(message(2)))
  expect([bodies(CHAT), bodies(THREAD), bodies(OTHER)]).toEqual([['1', '2'], ['1'], ['1']])
  messages.onEvent(created(message(2, { root_id: 'm1', thread_no: 2, body: 'in the thread' })))
  expect([bodies(CHAT), bodies(THREAD)]).toEqual([
    ['1', '2'],
    ['1', 'in the thread'],
  ])
})

it('drops the windows of a chat that is gone, those of its threads included', () => {
  const { view, messages } = setUp()
  const data = view.get().data as State
  view.set({ data: { ...data, chats: new Map([...data.chats].filter(([id]) => id !== 'c')) } })
  messages.onEvent({ type: 'chat.deleted', at: '', chat_id: 'c', chat: { id: 'c' } })
  expect([...view.get().windows.keys()]).toEqual([OTHER])
})

it('applies what arrives while a page is fetched, and tells the other slices of the page', async () => {
  const { view, messages, asked, brought, bodies } = setUp([message(1)])
  view.set({ windows: new Map() })
  const opened = messages.open(CHAT)
  messages.onEvent(created(message(2)))
  await opened
  expect([asked, bodies(CHAT)]).toEqual([['/api/chat/c/messages'], ['1', '2']])
  expect(brought).toEqual([{ messages: [message(1)] }])
})

it('drops an older page that comes after the reader has gone to the end', async () => {
  const full = Array.from({ length: WINDOW_MAX }, (_, i) => message(i + 2))
  const atTheTop = () => {
    const it = setUp([message(1)])
    it.view.set({ windows: new Map([[CHAT, { items: full, before: true, after: false, end: WINDOW_MAX + 1 }]]) })
    const last = () => it.view.get().windows.get(CHAT)?.items.at(-1)?.seq
    return { ...it, last }
  }
  const stayed = atTheTop()
  await stayed.messages.loadOlder(CHAT, () => true)
  expect(stayed.last()).toBe(WINDOW_MAX)
  const jumped = atTheTop()
  await Promise.all([jumped.messages.loadOlder(CHAT, () => true), jumped.messages.loadLatest(CHAT)])
  expect(jumped.last()).toBe(WINDOW_MAX + 1)
  // It can be asked for again.
  await jumped.messages.loadOlder(CHAT, () => true)
  expect(jumped.last()).toBe(WINDOW_MAX)
  const scrolled = atTheTop()
  await scrolled.messages.loadOlder(CHAT, () => false)
  expect(scrolled.last()).toBe(WINDOW_MAX + 1)
})

it('asks for a thread at its own address', async () => {
  const { view, messages, asked } = setUp()
  view.set({ windows: new Map() })
  await messages.open(THREAD)
  expect(asked).toEqual(['/api/chat/c/messages/{message_id}/thread'])
})
