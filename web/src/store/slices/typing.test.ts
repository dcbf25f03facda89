import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Api } from '../../api/client'
import type { EphemeralEvent, Event } from '../../api/types'
import type { State } from '../fold'
import { emptyView } from '../store'
import { ViewHolder } from '../view'
import { TypingSlice } from './typing'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function setUp(member_count = 3) {
  const view = new ViewHolder(emptyView())
  view.set({ data: { chats: new Map([['c', { chat: { member_count } }]]) } as unknown as State })
  const asked: string[] = []
  const api = {
    POST: async () => asked.push('starts'),
    DELETE: async () => asked.push('stops'),
  } as unknown as Api
  const signal = new AbortController().signal
  const typing = new TypingSlice({ api, me: 'me', view, signal, fold: () => undefined, loaded: () => undefined })
  const hear = (user_id: string, is_typing = true) =>
    typing.onEphemeral({ type: 'typing', at: '', chat_id: 'c', user_id, is_typing, seconds: 6 } as EphemeralEvent)
  return { typing, asked, hear, shown: () => view.get().typing.get('c') ?? [] }
}

it('shows who types until it ends: by time, by word, or by a message', () => {
  const { typing, hear, shown } = setUp()
  hear('ada')
  hear('ben')
  hear('me')
  expect(shown()).toEqual(['ada', 'ben'])
  vi.advanceTimersByTime(4000)
  hear('ada')
  vi.advanceTimersByTime(2000)
  expect(shown()).toEqual(['ada'])
  hear('ben')
  hear('ben', false)
  expect(shown()).toEqual(['ada'])
  typing.onEvent({ type: 'message.new', chat_id: 'c', message: { sender_id: 'ada' } } as unknown as Event)
  expect(shown()).toEqual([])
})

it('is said at most every four seconds, again at once after a message, and taken back', () => {
  const { typing, asked } = setUp()
  for (let i = 0; i < 50; i++) {
    typing.wrote('c')
    vi.advanceTimersByTime(100)
  }
  expect(asked).toEqual(['starts', 'starts'])
  typing.sent('c')
  typing.wrote('c')
  typing.stopped('c')
  typing.stopped('c')
  expect(asked).toEqual(['starts', 'starts', 'starts', 'stops'])
})

it('is not said where nobody is told', () => {
  for (const count of [1, 201]) {
    const { typing, asked } = setUp(count)
    typing.wrote('c')
    expect(asked).toEqual([])
  }
})
