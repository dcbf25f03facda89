import { expect, it } from 'vitest'
import type { ChatItem } from '../../api/types'
import { arrange, inOrder } from './sections'

function chat(name: string, unread_count = 0, kind = 'public_channel'): ChatItem {
  return { chat: { id: `id-${name}`, name, kind }, unread_count } as ChatItem
}
const mapOf = (...items: ChatItem[]) => new Map(items.map(item => [item.chat.id, item]))
const titleOf = (item: ChatItem) => item.chat.name ?? ''
const names = (ids: readonly string[]) => ids.map(id => id.slice(3)).join(' ')

it('puts each chat into one section, by its title', () => {
  const chats = mapOf(
    chat('zoo'),
    chat('Zed', 0, 'single'),
    chat('b10'),
    chat('b9'),
    chat('Ärger'),
    chat('Bob', 2, 'single'),
    chat('news', 1),
  )
  const { unread, channels, direct } = arrange(chats, titleOf)
  expect([unread, channels, direct].map(names)).toEqual(['Bob news', 'Ärger b9 b10 zoo', 'Zed'])
})

it('has the same order whatever was active last', () => {
  const [a, b, c] = [chat('a'), chat('b'), chat('c')]
  expect(inOrder(arrange(mapOf(c, a, b), titleOf))).toEqual(inOrder(arrange(mapOf(a, b, c), titleOf)))
})

it('moves no row while it is held', () => {
  const before = arrange(mapOf(chat('a'), chat('b', 3), chat('c'), chat('Dan', 0, 'single')), titleOf)
  const now = mapOf(chat('a', 1), chat('b'), chat('Dan', 0, 'single'), chat('aa'), chat('Amy', 4, 'single'))
  const held = arrange(now, titleOf, before)
  // c is gone; aa and Amy are new, and come last.
  expect([held.unread, held.channels, held.direct].map(names)).toEqual(['b Amy', 'a aa', 'Dan'])
  const after = arrange(now, titleOf)
  expect([after.unread, after.channels, after.direct].map(names)).toEqual(['a Amy', 'aa b', 'Dan'])
})
