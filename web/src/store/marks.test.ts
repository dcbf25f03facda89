import { expect, it } from 'vitest'
import type { Message } from '../api/types'
import { type MarkEvent, withMark } from './marks'
import { keepMine } from './reactions'

const message = { id: 'm1', seq: 1, body: 'x' } as Message
const at = '2026-11-21T09:30:00.000Z'
const event = (type: MarkEvent['type'], id = 'm1') =>
  ({
    type,
    at,
    chat_id: 'c',
    ...(type.endsWith('pinned')
      ? { pin: { message_id: id, seq: 1, ...(type === 'message.pinned' && { by: 'ann', at }) } }
      : { saved: { message_id: id, seq: 1, ...(type === 'message.saved' && { at }) } }),
  }) as MarkEvent

it('pins and keeps a message, each for itself, and takes it back', () => {
  const pinned = withMark(message, event('message.pinned'))
  expect(pinned.pinned).toEqual({ by: 'ann', at })
  const both = withMark(pinned, event('message.saved'))
  expect([both.pinned, both.saved]).toEqual([{ by: 'ann', at }, true])
  expect(withMark(both, event('message.unsaved'))).toEqual(pinned)
  expect(withMark(both, event('message.unpinned'))).toEqual({ ...message, saved: true })
})

it('changes nothing the second time, and no other message', () => {
  const both = withMark(withMark(message, event('message.pinned')), event('message.saved'))
  for (const type of ['message.pinned', 'message.saved'] as const) expect(withMark(both, event(type))).toBe(both)
  for (const type of ['message.unpinned', 'message.unsaved'] as const) {
    expect(withMark(message, event(type))).toBe(message)
  }
  expect(withMark(message, event('message.pinned', 'm2'))).toBe(message)
})

it('keeps what is mine when a form without a viewer comes', () => {
  expect(keepMine({ ...message, saved: true }, { ...message, body: 'y' })).toEqual({
    ...message,
    body: 'y',
    saved: true,
  })
  expect(keepMine(message, message)).toBe(message)
})
