import { expect, it } from 'vitest'
import type { Event, Snapshot, User } from '../api/types'
import { apply, fromSnapshot } from './fold'
import { SLICES } from './slices'
import { emptyView } from './store'

const user = (id: string, fullname = id) => ({ id, fullname }) as User
const snapshot = {
  user: user('me'),
  workspace: { id: 'w', name: 'before' },
  chats: { items: [], has_more: false },
  threads: { items: [], has_more: false },
} as unknown as Snapshot

it('every slice that folds has its part in the state, and every other view is there from the start', () => {
  const folded = Object.entries(SLICES).flatMap(([name, slice]) => ('fold' in slice ? [name] : []))
  expect(Object.keys(fromSnapshot(snapshot))).toEqual(folded)
  const shown = Object.values(SLICES).flatMap(slice => ('view' in slice ? Object.keys(slice.view) : []))
  expect(new Set(shown).size, 'no two slices show the same').toBe(shown.length)
  expect(Object.keys(emptyView())).toEqual(expect.arrayContaining(shown))
})

it('each slice takes its events, and keeps its part otherwise', () => {
  const state = fromSnapshot(snapshot)
  const later = (event: object) => apply(state, { at: '', ...event } as Event)
  const me = later({ type: 'user.updated', user: user('me', 'Me') })
  expect([me.user.fullname, me.users.get('me')?.fullname]).toEqual(['Me', 'Me'])
  expect([me.workspace === state.workspace, me.chats === state.chats]).toEqual([true, true])
  const other = later({ type: 'user.joined', user: user('ann') })
  expect([other.user === state.user, other.users.has('ann')]).toEqual([true, true])
  expect(later({ type: 'workspace.updated', workspace: { id: 'w', name: 'after' } }).workspace.name).toBe('after')
  expect(later({ type: 'session.revoked', user: user('me', 'not this') })).toBe(state)
})

it('a snapshot keeps the people who were known before', () => {
  const before = apply(fromSnapshot(snapshot), { type: 'user.joined', at: '', user: user('ann') } as Event)
  expect([...fromSnapshot(snapshot, before).users.keys()]).toEqual(['me', 'ann'])
})
