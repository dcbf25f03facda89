import { expect, it } from 'vitest'
import { matchScore } from './matchScore'

it('ranks beginnings of words first', () => {
  expect(matchScore('general', 'gen')).toBeGreaterThan(matchScore('engineering', 'gin'))
  expect(matchScore('Grace Hopper', 'hop')).toBeGreaterThan(matchScore('workshop', 'hop'))
  expect(matchScore('general', 'xyz')).toBe(0)
})
