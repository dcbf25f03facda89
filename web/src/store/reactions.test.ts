import { expect, it } from 'vitest'
import type { Message } from '../api/types'
import { keepMine, type ReactionEvent, withReaction } from './reactions'

const message = (reactions?: Message['reactions']) => ({ id: 'm1', seq: 1, ...(reactions && { reactions }) }) as Message
const event = (type: ReactionEvent['type'], emoji: string, count: number, user_id = 'ann'): ReactionEvent => ({
  type,
  at: '',
  chat_id: 'c',
  reaction: { message_id: 'm1', seq: 1, user_id, emoji, count },
})

it('sets the count of an emoji, new ones last, and knows which are mine', () => {
  const one = withReaction(message(), event('reaction.added', '👍', 1), 'me')
  expect(one.reactions).toEqual([{ emoji: '👍', count: 1 }])
  const two = withReaction(one, event('reaction.added', '❤️', 1, 'me'), 'me')
  const mine = withReaction(two, event('reaction.added', '👍', 2, 'me'), 'me')
  expect(mine.reactions).toEqual([
    { emoji: '👍', count: 2, me: true },
    { emoji: '❤️', count: 1, me: true },
  ])
  const less = withReaction(mine, event('reaction.removed', '👍', 1, 'me'), 'me')
  expect(less.reactions?.[0]).toEqual({ emoji: '👍', count: 1, me: false })
  const none = withReaction(withReaction(less, event('reaction.removed', '👍', 0)), event('reaction.removed', '❤️', 0))
  expect('reactions' in none).toBe(false)
})

it('is the same object when nothing changes', () => {
  const known = message([{ emoji: '👍', count: 2, me: false }])
  expect(withReaction(known, event('reaction.added', '👍', 2), 'me')).toBe(known)
  expect(withReaction(known, event('reaction.removed', '🎉', 0), 'me')).toBe(known)
  const other = {
    ...event('reaction.added', '👍', 9),
    reaction: { ...event('reaction.added', '👍', 9).reaction, message_id: 'm2' },
  }
  expect(withReaction(known, other, 'me')).toBe(known)
})

it('takes an emoji with and without its variation selector for the same', () => {
  const known = message([{ emoji: '👍', count: 1, me: true }])
  expect(withReaction(known, event('reaction.added', '👍\uFE0F', 2), 'me').reactions).toHaveLength(1)
})

it('keeps which are mine when an event brings the message anew', () => {
  const known = message([{ emoji: '👍', count: 1, me: true }])
  const fresh = message([
    { emoji: '👍', count: 3 },
    { emoji: '🎉', count: 1 },
  ])
  expect(keepMine(known, fresh).reactions?.map(of => of.me)).toEqual([true, false])
  const asked = message([{ emoji: '👍', count: 3, me: false }])
  expect(keepMine(known, asked)).toBe(asked)
})
