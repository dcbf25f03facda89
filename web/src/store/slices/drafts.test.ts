import { expect, it, vi } from 'vitest'
import type { Message } from '../../api/types'
import { type ConversationKey, conversationKey } from '../conversation'
import { DeviceStorage } from '../storage'
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
  expect(after.get(a)).toEqual({ text: 'half a thought', reply_to: 'm1', edit: null })
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
  expect(one.get(a)).toEqual({ text: '', reply_to: null, edit: null })
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

it('keeps an edit over a reload, beside the draft, and leaves it when the draft is sent', () => {
  const map = new Map<string, string>()
  const drafts = new Drafts(storageOf(map), 'draft.')
  drafts.change(a, { text: 'a draft' })
  drafts.edit(a, { id: 'm1', body: 'as sent', reply_to: null } as Message)
  drafts.change(a, { edit: { ...drafts.get(a).edit!, text: 'put better' } })
  const after = new Drafts(storageOf(map), 'draft.')
  expect(after.get(a)).toMatchObject({ text: 'a draft', edit: { id: 'm1', before: 'as sent', text: 'put better' } })
  after.change(a, { edit: null })
  expect(after.get(a).text).toBe('a draft')
})

it('holds what a full or blocked storage does not take', () => {
  let told = 0
  for (const fault of ['full', 'blocked'] as const) {
    const kept = new Map([['draft.a', '{"text":"from before"}']])
    const full = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: () => {
        throw new DOMException('', 'QuotaExceededError')
      },
      removeItem: (key: string) => void kept.delete(key),
    } as unknown as Storage
    const storage = new DeviceStorage(
      () => {
        if (fault === 'blocked') throw new DOMException('', 'SecurityError')
        return full
      },
      () => told++,
    )
    const drafts = new Drafts(storage, 'draft.')
    drafts.change(b, { text: 'typed' })
    expect(drafts.get(b).text).toBe('typed')
    expect(new Drafts(storage, 'draft.').get(b).text).toBe('typed')
    drafts.clear(b)
    storage.remove('draft.a')
    expect([drafts.has(b), storage.get('draft.a')]).toEqual([false, null])
  }
  expect(told).toBe(2)
})

it('writes what is typed a moment later, or as soon as the page may end', () => {
  vi.useFakeTimers()
  try {
    const map = new Map<string, string>()
    const drafts = new Drafts(storageOf(map), 'draft.')
    const kept = () => new Drafts(storageOf(map), 'draft.').get(a)
    drafts.type(a, 'h')
    drafts.type(a, 'hi')
    expect([drafts.get(a).text, kept().text]).toEqual(['hi', ''])
    vi.advanceTimersByTime(299)
    drafts.type(a, 'hi t')
    vi.advanceTimersByTime(1)
    expect(kept().text).toBe('hi t')
    drafts.type(a, 'hi there')
    drafts.keep()
    expect(kept().text).toBe('hi there')
    drafts.edit(a, { id: 'm1', body: 'as sent', reply_to: null } as Message)
    drafts.type(a, 'put better')
    drafts.close()
    expect(kept()).toMatchObject({ text: 'hi there', edit: { text: 'put better' } })
    drafts.type(a, 'never written')
    drafts.clear(a)
    vi.advanceTimersByTime(1000)
    expect(map.size).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

it('does not lose what is typed while another tab writes', () => {
  vi.useFakeTimers()
  try {
    const map = new Map<string, string>()
    const [one, two] = [new Drafts(storageOf(map), 'draft.'), new Drafts(storageOf(map), 'draft.')]
    two.type(a, 'typed in two')
    one.change(a, { text: 'from one' })
    two.onStorage('draft.a')
    expect(two.get(a).text).toBe('typed in two')
    two.keep()
    one.onStorage('draft.a')
    expect(one.get(a).text).toBe('typed in two')
  } finally {
    vi.useRealTimers()
  }
})
