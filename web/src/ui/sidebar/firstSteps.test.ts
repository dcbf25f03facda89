import { beforeEach, expect, it, vi } from 'vitest'
import type { ChatItem, User } from '../../api/types'
import { keepSteps, keptSteps, stepsOf } from './firstSteps'

vi.mock('../notifications', () => ({ supported: true, notificationLevel: () => level }))
let level = 'none'

const user = (id: string, role: User['role'] = 'member') => ({ id, role }) as User
const channel = (id: string, owner_id: string, auto_join?: boolean) =>
  ({ chat: { id, kind: 'public_channel', owner_id, auto_join } }) as unknown as ChatItem
const facts = (me: User, chats: ChatItem[] = [], others: User[] = []) => ({
  me,
  chats: new Map(chats.map(item => [item.chat.id, item])),
  users: new Map([me, ...others].map(each => [each.id, each])),
})
const shown = (steps: ReturnType<typeof stepsOf>) => steps?.map(({ name, done }) => `${name} ${done ? 'x' : '-'}`)
let workspace = 0
beforeEach(() => {
  level = 'none'
  workspace++
})

it('offers each role what it may do', () => {
  expect(shown(stepsOf(`${workspace}`, facts(user('me', 'owner'))))).toEqual(['channel -', 'invite -', 'notify -'])
  expect(shown(stepsOf(`${workspace}`, facts(user('me'))))).toEqual(['join -', 'notify -'])
})

it('ticks what is done, and not for the channel that everybody is put into', () => {
  const me = user('me', 'owner')
  const general = channel('general', 'me', true)
  expect(shown(stepsOf(`${workspace}`, facts(me, [general])))?.[0]).toBe('channel -')
  const mine = facts(me, [general, channel('c', 'me')], [user('bob')])
  expect(shown(stepsOf(`${workspace}`, mine))).toEqual(['channel x', 'invite x', 'notify -'])
  level = 'direct'
  expect(stepsOf(`${workspace}`, mine), 'all is done').toBeNull()
})

it('keeps what was done once, and that the list was dismissed, for each workspace', () => {
  const me = user('me', 'admin')
  keepSteps(`${workspace}`, { done: ['invite'] })
  expect(shown(stepsOf(`${workspace}`, facts(me)))).toEqual(['channel -', 'invite x', 'notify -'])
  expect(shown(stepsOf('another', facts(me)))).toEqual(['channel -', 'invite -', 'notify -'])
  keepSteps(`${workspace}`, { dismissed: true })
  expect(keptSteps(`${workspace}`)).toEqual({ done: ['invite'], dismissed: true })
  expect(stepsOf(`${workspace}`, facts(me))).toBeNull()
})
