import { expect, it } from 'vitest'
import type { Api } from '../../api/client'
import type { Event, Message } from '../../api/types'
import { emptyView } from '../store'
import { ViewHolder } from '../view'
import { PinsSlice } from './pins'
import { SavedSlice } from './saved'

const at = '2026-11-21T09:30:00.000Z'
const message = (n: number, body = `${n}`) => ({ id: `m${n}`, chat_id: 'c', seq: n, body }) as Message
const event = (type: string, more: object) => ({ type, at, chat_id: 'c', ...more }) as unknown as Event

/** A server whose lists are `items`; each answer waits until it is let go. */
function setUp() {
  const server = { items: [] as object[], waiting: [] as (() => void)[], asked: 0 }
  const answer = async () => {
    server.asked++
    const items = [...server.items]
    await new Promise<void>(done => server.waiting.push(done))
    return { data: { items, has_more: false }, error: {}, response: { ok: true, status: 200 } }
  }
  const view = new ViewHolder(emptyView())
  const context = {
    api: { GET: answer } as unknown as Api,
    me: 'me',
    view,
    signal: new AbortController().signal,
    fold: () => undefined,
    loaded: () => undefined,
  }
  const letGo = async () => {
    for (const done of server.waiting.splice(0)) done()
    await new Promise(done => setTimeout(done))
  }
  return { server, view, letGo, pins: new PinsSlice(context), saved: new SavedSlice(context) }
}

it('pins follow the events while their panel is open, and an overtaken answer is dropped', async () => {
  const { server, view, letGo, pins } = setUp()
  const shown = () => view.get().pins?.items?.map(({ message }) => message.body)
  const pin = (n: number) => ({ message: message(n), pinned_by: 'ann', pinned_at: at })
  server.items = [pin(1)]
  void pins.open('c')
  server.items = [pin(2), pin(1)]
  pins.onEvent(event('message.pinned', { pin: { message_id: 'm2', seq: 2, by: 'ann', at } }))
  await letGo()
  expect(shown()).toEqual(['2', '1'])
  pins.onEvent(event('message.edited', { message: message(2, 'new') }))
  expect(shown()).toEqual(['new', '1'])
  server.items = [pin(2)]
  pins.onEvent(event('message.deleted', { message: message(1, '') }))
  expect(shown()).toEqual(['new'])
  await letGo()
  const { asked } = server
  pins.onEvent({ ...event('message.pinned', { pin: { message_id: 'x', seq: 2 } }), chat_id: 'other' } as Event)
  pins.close()
  pins.onEvent(event('message.pinned', { pin: { message_id: 'm2', seq: 2, by: 'ann', at } }))
  expect([server.asked, view.get().pins]).toEqual([asked, null])
})

it('what is kept follows the events, and a deleted message stays without its text', async () => {
  const { server, view, letGo, saved } = setUp()
  const kept = (n: number) => ({ message_id: `m${n}`, chat_id: 'c', saved_at: at, message: message(n) })
  server.items = [kept(2), kept(1)]
  void saved.open()
  await letGo()
  saved.onEvent(event('message.edited', { message: message(2, 'new') }))
  saved.onEvent(event('message.deleted', { message: message(1, '') }))
  expect(view.get().saved?.items.map(({ message }) => message?.body)).toEqual(['new', undefined])
  saved.onEvent(event('message.unsaved', { saved: { message_id: 'm1', seq: 1 } }))
  expect(view.get().saved?.items.length).toBe(1)
  server.items = [kept(3), kept(2)]
  saved.onEvent(event('message.saved', { saved: { message_id: 'm3', seq: 3, at } }))
  await letGo()
  expect(view.get().saved?.items.map(({ message_id }) => message_id)).toEqual(['m3', 'm2'])
})
