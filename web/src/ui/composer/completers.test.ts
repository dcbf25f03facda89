import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { ChatItem, User } from '../../api/types'
import type { Store } from '../../store/store'
import { type Candidate, type CompletionContext, wordAt } from './completer'
import { COMPLETERS } from './completers'
import { channel } from './completers/channel'
import { emoji } from './completers/emoji'
import { mention } from './completers/mention'
import { completionOf } from './useCompletion'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const user = (id: string, fullname: string, active = true) => ({ id, fullname, active }) as User

/** A chat with `members`, people who are known, and a server that finds `others` for any text. */
function setUp(known: User[], others: User[] = [], members: string[] = []) {
  const view = { data: { user: user('me', 'Me Myself'), users: new Map(known.map(each => [each.id, each])) } }
  const asked: string[] = []
  const search = async (text: string) => {
    asked.push(text)
    for (const each of others) view.data.users.set(each.id, each)
  }
  const store = { view: { get: () => view }, users: { search } } as unknown as Store
  const context: CompletionContext = { store, item: { chat: { member_ids: members } } as unknown as ChatItem }
  const stop = new AbortController()
  const lists: (readonly Candidate[])[] = []
  const find = async (query: string) => {
    for await (const list of mention.find(query, context, stop.signal)) lists.push(list)
  }
  return { find, lists, asked, stop }
}

it('begins at a trigger at the start of a word', () => {
  const queries = (completer: typeof emoji, ...texts: string[]) => texts.map(text => wordAt(completer, text)?.query)
  expect(queries(emoji, 'well :tad', ':+1', '(:sm')).toEqual(['tad', '+1', 'sm'])
  expect(queries(emoji, 'at 10:30', 'https://x', ':t', ':tada ', 'a:tada', '')).toEqual(Array(6).fill(undefined))
  expect(queries(mention, 'hi @ad', '@Ünal', '(@o’n')).toEqual(['ad', 'Ünal', 'o’n'])
  expect(queries(mention, 'ada@example', '@', '@ada ', '@@a', '@!')).toEqual(Array(5).fill(undefined))
  expect(wordAt(mention, 'well, @ad')?.start).toBe(6)
  expect(wordAt(mention, `@${'a'.repeat(100)}`)).toBeNull()
})

it('has no two completers for one trigger', () => {
  const triggers = COMPLETERS.map(({ trigger }) => trigger)
  expect(new Set(triggers).size).toBe(triggers.length)
})

it('offers emoji by name, and replaces a full name by itself', async () => {
  const found: (readonly Candidate[])[] = []
  const context = {} as CompletionContext
  for await (const list of emoji.find('tad', context, new AbortController().signal)) found.push(list)
  expect(found.map(list => list[0])).toMatchObject([{ key: 'tada', insert: '🎉 ' }])
  expect(await emoji.finish?.('well :tada:')).toEqual({ start: 5, insert: '🎉' })
  expect(await emoji.finish?.('at 10:30:')).toBeNull()
})

it('offers the people who are known, members first, then those that the server finds', async () => {
  const known = [user('a', 'Ada Lovelace'), user('b', 'Adam Smith'), user('c', 'Bob'), user('d', 'Adele', false)]
  const { find, lists, asked } = setUp(known, [user('e', 'Adi New')], ['b'])
  const done = find('ad')
  await vi.advanceTimersByTimeAsync(0)
  expect(lists.map(list => list.map(({ insert }) => insert))).toEqual([['@Adam Smith ', '@Ada Lovelace ']])
  expect(asked).toEqual([])
  await vi.advanceTimersByTimeAsync(1000)
  await done
  expect(asked).toEqual(['ad'])
  expect(lists[1]?.map(({ key }) => key)).toEqual(['b', 'a', 'e'])
})

it('never offers oneself, nor names that only contain what was typed', async () => {
  const { find, lists } = setUp([user('me', 'Me Myself'), user('a', 'Grace Homer')])
  const done = find('me')
  await vi.advanceTimersByTimeAsync(1000)
  await done
  expect(lists.flat()).toEqual([])
})

it('does not search for what was typed over', async () => {
  const { find, asked, stop } = setUp([])
  const done = find('ad')
  await vi.advanceTimersByTimeAsync(100)
  stop.abort()
  await vi.advanceTimersByTimeAsync(1000)
  await done
  expect(asked).toEqual([])
})

it('offers nothing in code', () => {
  const offers = (text: string) => completionOf(text, text.length)?.query
  expect([offers('well :tad'), offers('hi @ad'), offers('see #gen')]).toEqual(['tad', 'ad', 'gen'])
  for (const text of ['`x :tad', '```\n:tad', '``a` @ad', '```js\n#gen']) expect(offers(text), text).toBeUndefined()
})

it('offers the channels that one is in', async () => {
  const chat = (id: string, name: string, kind = 'public_channel') => [id, { chat: { id, name, kind } }] as const
  const chats = new Map([
    chat('1', 'general'),
    chat('2', 'gently', 'private_channel'),
    chat('3', 'ops'),
    chat('4', 'gem', 'group'),
  ])
  const context = { store: { view: { get: () => ({ data: { chats } }) } } } as unknown as CompletionContext
  const lists: string[][] = []
  for await (const list of channel.find('ge', context, new AbortController().signal))
    lists.push(list.map(c => c.insert))
  expect(lists).toEqual([['#gently ', '#general ']])
})
