import { expect, it } from 'vitest'
import { type ConversationKey, conversationKey } from '../conversation'
import { Drafts } from './drafts'

const [a, b, c] = ['a', 'b', 'c'].map(id => conversationKey(id)) as [ConversationKey, ConversationKey, ConversationKey]

function storageOf(map: Map<string, string>) {
  return {
    keys: () => [...map.keys()],
    get: (key: string) => map.get(key) ?? null,
    set: (key: string, value: string) => void map.set(key, value),
    remove: (key: string) => void map.delete(key),
  }
}

it('keeps text and reply of each chat over a reload', () => {
  const map = new Map<string, string>()
  const drafts = new Drafts(storageOf(map), 'draft.')
  drafts.change(a, { text: 'half a thought' })
  drafts.change(a, { reply_to: 'm1' })
  drafts.change(b, { reply_to: 'm2' })
  const after = new Drafts(storageOf(map), 'draft.')
  expect(after.get(a)).toEqual({ text: 'half a thought', reply_to: 'm1' })
  expect([after.has(a), after.has(b), after.has(c)]).toEqual([true, false, false])
  after.clear(a)
  expect([...map.keys()]).toEqual(['draft.b'])
})

it('keeps the drafts of a chat and of its threads apart, and reads what was stored for chats before', () => {
  const map = new Map([['draft.a', '{"text":"from before","reply_to":null}']])
  const drafts = new Drafts(storageOf(map), 'draft.')
  const thread = conversationKey('a', 'm1')
  expect([drafts.get(a).text, drafts.get(thread).text]).toEqual(['from before', ''])
  drafts.change(thread, { text: 'in the thread' })
  const after = new Drafts(storageOf(map), 'draft.')
  expect([after.get(a).text, after.get(thread).text]).toEqual(['from before', 'in the thread'])
})

it('takes over changes of another tab, and ignores values that are no drafts', () => {
  const map = new Map([['draft.a', 'not what we wrote']])
  const [one, two] = [new Drafts(storageOf(map), 'draft.'), new Drafts(storageOf(map), 'draft.')]
  expect(one.get(a)).toEqual({ text: '', reply_to: null })
  let told = 0
  two.subscribe(() => told++)
  one.change(a, { text: 'typed in one' })
  two.onStorage('draft.a')
  expect(two.get(a).text).toBe('typed in one')
  one.clear(a)
  two.onStorage('draft.a')
  two.onStorage('out.a')
  expect([two.get(a).text, told]).toEqual(['', 2])
})
