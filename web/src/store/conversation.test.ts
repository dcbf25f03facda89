import { expect, it } from 'vitest'
import { chatIdOf, conversationKey, conversationOf, parseConversation } from './conversation'

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

it('never takes a thread for its chat', () => {
  expect(chatIdOf(conversationKey('c'))).toBe('c')
  expect(() => chatIdOf(conversationKey('c', 'm1'))).toThrow()
})
