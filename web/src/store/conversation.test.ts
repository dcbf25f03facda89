import { expect, it } from 'vitest'
import type { Message } from '../api/types'
import { conversationKey, conversationOf, numberIn, parseConversation, shows } from './conversation'

it('has the id of the chat as the key of a chat, so that what was stored before is found', () => {
  expect(conversationKey('c')).toBe('c')
  expect(conversationKey('c', null)).toBe('c')
  expect(parseConversation('c')).toEqual({ chatId: 'c', rootId: null })
})

it('tells threads of a chat apart', () => {
  const key = conversationKey('c', 'm1')
  expect(key).toBe('c/m1')
  expect(parseConversation(key)).toEqual({ chatId: 'c', rootId: 'm1' })
  expect(parseConversation('c/')).toEqual({ chatId: 'c', rootId: null })
  expect(conversationOf({ chat_id: 'c' })).toBe('c')
  expect(conversationOf({ chat_id: 'c', root_id: 'm1' })).toBe(key)
})

it('shows a reply in its thread, and in the chat if it was sent there as well', () => {
  const message: Message = { id: 'm', chat_id: 'c', seq: 7, kind: 'user', sender_id: 'u', body: '', created_at: '' }
  const reply = { ...message, root_id: 'm1', thread_no: 2, also_in_chat: false }
  const keys = [conversationKey('c'), conversationKey('c', 'm1'), conversationKey('c', 'm2'), conversationKey('d')]
  expect(keys.map(key => shows(key, message))).toEqual([true, false, false, false])
  expect(keys.map(key => shows(key, reply))).toEqual([false, true, false, false])
  expect(keys.map(key => shows(key, { ...reply, also_in_chat: true }))).toEqual([true, true, false, false])
  expect(keys.slice(0, 2).map(key => numberIn(key, reply))).toEqual([7, 2])
})
