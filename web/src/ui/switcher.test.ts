import { expect, it } from 'vitest'
import type { ChatItem } from '../api/types'
import { findChats, parseQuery } from './switcher'

function chat(name: string, unread_count: number, at: string, kind = 'public_channel'): ChatItem {
  return { chat: { id: name, name, kind }, unread_count, last_message: { created_at: at } } as ChatItem
}
const chats = [
  chat('general', 0, '2'),
  chat('geology', 3, '1'),
  chat('Grace', 1, '0', 'single'),
  chat('Gus', 0, '9', 'single'),
]
const find = (text: string) =>
  findChats(chats, item => item.chat.name ?? '', parseQuery(text)).map(
    found => found.kind === 'chat' && found.item.chat.id,
  )

it('shows what is unread first, for the user in person before the rest', () => {
  expect(find('')).toEqual(['Grace', 'geology', 'Gus', 'general'])
  expect(find('ge')).toEqual(['geology', 'general', 'Grace'])
})

it('finds channels alone after #, and people after @', () => {
  expect(find('#gen')).toEqual(['general'])
  expect(find('#')).toEqual(['geology', 'general'])
  expect(find('@g')).toEqual(['Grace', 'Gus'])
  expect(find('@general')).toEqual([])
  expect(parseQuery(' # gen ')).toEqual({ kind: 'channels', name: 'gen' })
})

it('takes a better match before what is unread', () => {
  expect(find('gus')).toEqual(['Gus'])
  expect(find('general')[0]).toBe('general')
})
