import { expect, it, vi } from 'vitest'
import type { Message, User } from '../../api/types'
import type { Store } from '../../store/store'
import { en } from '../../texts/en'
import { type ActionContext, actionOfKey, actionsOn, MESSAGE_ACTIONS } from './actions'

const message = { id: 'm1', chat_id: 'c', seq: 3, sender_id: 'ann', body: 'hello' } as Message

function on(change: Partial<ActionContext> = {}): ActionContext {
  return {
    message,
    inThread: false,
    sender: { id: 'ann', fullname: 'Ann' } as User,
    mine: false,
    may: [],
    store: {} as Store,
    onReact: () => undefined,
    onReply: () => undefined,
    onEdit: () => undefined,
    ...change,
  }
}
const names = (context: ActionContext) => actionsOn(context).map(({ name }) => name)

it('offers what the user may do', () => {
  expect(names(on())).toEqual(['reply', 'thread', 'save', 'link', 'text', 'write'])
  expect(names(on({ mine: true }))).toEqual(['reply', 'thread', 'edit', 'save', 'link', 'text', 'delete'])
  expect(names(on({ may: ['delete_message_of_others'] }))).toEqual([
    'reply',
    'thread',
    'save',
    'link',
    'text',
    'write',
    'delete',
  ])
})

it('offers a reaction to who may react', () => {
  expect(names(on({ may: ['react'] }))).toEqual(['react', 'reply', 'thread', 'save', 'link', 'text', 'write'])
  expect(actionOfKey('+', on({ may: ['react'] }))?.name).toBe('react')
  expect(actionOfKey('+', on())).toBeUndefined()
})

it('offers no thread within a thread', () => {
  expect(names(on({ inThread: true }))).toEqual(['reply', 'save', 'link', 'text', 'write'])
  expect(actionOfKey('t', on({ inThread: true }))).toBeUndefined()
  expect(actionOfKey('t', on())?.name).toBe('thread')
})

it('pins and keeps, and takes both back', async () => {
  const pin = vi.fn(async () => undefined)
  const save = vi.fn(async () => undefined)
  const store = { messages: { pin, save } } as unknown as Store
  const both = { ...message, saved: true, pinned: { by: 'ann', at: '2026-11-21T09:30:00.000Z' } }
  const text = (key: string, context: ActionContext) => actionOfKey(key, context)?.text(en, context)
  for (const [of, done] of [
    [message, false],
    [both, true],
  ] as const) {
    const context = on({ store, may: ['pin'], message: of })
    expect(['p', 's'].map(key => text(key, context))).toEqual(
      done ? [en.unpin, en.unsaveMessage] : [en.pin, en.saveMessage],
    )
    for (const key of ['p', 's']) await actionOfKey(key, context)?.run(context)
    expect(pin).toHaveBeenLastCalledWith(of, !done)
    expect(save).toHaveBeenLastCalledWith(of, !done)
  }
  expect(actionOfKey('p', on())).toBeUndefined()
})

it('offers nothing on a deleted message, by keyboard neither', () => {
  const deleted = on({ mine: true, message: { ...message, deleted_at: '2026-11-21T09:30:00.000Z' } })
  expect(names(deleted)).toEqual([])
  expect(actionOfKey('r', deleted)).toBeUndefined()
})

it('has a key only for what the user may do, and no key twice', () => {
  const keyed = (key: string, context: ActionContext) => actionOfKey(key, context)?.name
  const mine = on({ mine: true })
  expect(['r', 'e', 'l', 'Delete', 'Backspace', 'x'].map(key => keyed(key, mine))).toEqual([
    'reply',
    'edit',
    'link',
    'delete',
    'delete',
    undefined,
  ])
  expect(['e', 'Delete'].map(key => keyed(key, on()))).toEqual([undefined, undefined])
  const keys = MESSAGE_ACTIONS.flatMap(action => action.keys ?? [])
  expect(new Set(keys).size).toBe(keys.length)
  expect(new Set(MESSAGE_ACTIONS.map(({ name }) => name)).size).toBe(MESSAGE_ACTIONS.length)
})

it('runs on its message, and asks before what cannot be undone', () => {
  const onReply = vi.fn()
  const remove = vi.fn()
  const store = { messages: { remove } } as unknown as Store
  const context = on({ mine: true, onReply, store })
  actionOfKey('r', context)?.run(context)
  expect(onReply).toHaveBeenCalledWith(message)
  const deleting = actionOfKey('Delete', context)
  expect(deleting?.question?.(en).title).toBe(en.deleteMessageTitle)
  deleting?.run(context)
  expect(remove).toHaveBeenCalledWith(message)
  expect(actionsOn(context).filter(({ question }) => question).length).toBe(1)
})

it('names the sender, as soon as they are known', () => {
  const write = MESSAGE_ACTIONS.find(({ name }) => name === 'write')
  expect(write?.text(en, on())).toBe(en.messageTo('Ann'))
  expect(write?.text(en, on({ sender: undefined }))).toBe(en.messageTo(en.somebody))
})
