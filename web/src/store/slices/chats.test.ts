import { expect, it } from 'vitest'
import type { Api } from '../../api/client'
import type { ChatItem, Event, Snapshot } from '../../api/types'
import { apply, type State } from '../fold'
import type { Loaded } from '../slice'
import { emptyView } from '../store'
import { ViewHolder } from '../view'
import { Chats } from './chats'

const item = (id: string, name = id) =>
  ({
    chat: { id, name, kind: 'group', last_seq: 0, last_root_no: 0, deleted_count: 0 },
    member: {},
    unread_count: 0,
  }) as unknown as ChatItem
const renamed = (id: string, name: string) =>
  ({ type: 'chat.updated', at: '', chat_id: id, chat: item(id, name).chat }) as Event
const snapshot = (has_more: boolean, ...ids: string[]) =>
  ({ chats: { items: ids.map(id => item(id)), has_more } }) as unknown as Snapshot

/** A store that begins with `before`, and a server whose pages are answered one by one. */
function setUp(...before: string[]) {
  const view = new ViewHolder(emptyView())
  view.set({ data: { user: { id: 'me' }, chats: new Map(before.map(id => [id, item(id)])) } as unknown as State })
  const answers: ((page: { items: ChatItem[]; has_more: boolean }) => void)[] = []
  const get = () =>
    new Promise(resolve => {
      answers.push(data => resolve({ data, error: {}, response: { ok: true, status: 200 } }))
    })
  const brought: Loaded[] = []
  const chats = new Chats({
    api: { GET: get } as unknown as Api,
    me: 'me',
    view,
    signal: new AbortController().signal,
    fold: () => undefined,
    loaded: what => void brought.push(what),
  })
  const event = (event: Event) => {
    view.set({ data: apply(view.get().data as State, event) })
    chats.onEvent(event)
  }
  const answer = async (has_more: boolean, ...ids: string[]) => {
    answers.shift()?.({ items: ids.map(id => item(id)), has_more })
    await new Promise(done => setTimeout(done))
  }
  const names = () => [...(view.get().data?.chats.values() ?? [])].map(({ chat }) => chat.name)
  return { view, chats, event, answer, names, brought }
}

it('loads the chats that the snapshot left out, with what happened meanwhile, and forgets the rest', async () => {
  const { view, chats, event, answer, names, brought } = setUp('a', 'gone')
  chats.onSnapshot(snapshot(true, 'a'))
  expect(view.get().partial).toBe(true)
  event(renamed('c', 'new name'))
  await answer(true, 'a', 'b')
  await answer(false, 'c')
  expect(names()).toEqual(['a', 'b', 'new name'])
  expect(view.get().partial).toBe(false)
  expect(brought.map(({ chats }) => chats?.length)).toEqual([2, 1])
})

it('drops the pages of an older snapshot', async () => {
  const { view, chats, answer, names } = setUp('a')
  chats.onSnapshot(snapshot(true, 'a'))
  chats.onSnapshot(snapshot(false, 'a'))
  expect(view.get().partial).toBe(false)
  await answer(false, 'old')
  expect(names()).toEqual(['a'])
})

it('keeps a chat that the user made while pages were loading', async () => {
  const { chats, answer, names } = setUp('a')
  chats.onSnapshot(snapshot(true, 'a'))
  chats.add(item('made'))
  await answer(false, 'b')
  expect(names()).toEqual(['a', 'made', 'b'])
})
