import { expect, it } from 'vitest'
import { beginningOf } from './long'

it('cuts what is long after a line or a word, and leaves the rest as it is', () => {
  expect(beginningOf('short')).toBeNull()
  expect(beginningOf('line\n'.repeat(29))).toBeNull()
  expect(beginningOf('x'.repeat(2400))).toBeNull()
  expect(beginningOf('line\n'.repeat(40))?.split('\n').length).toBe(20)
  const words = beginningOf('word '.repeat(1000)) ?? ''
  expect(words.length).toBeGreaterThan(1500)
  expect(words.endsWith('word')).toBe(true)
  expect(beginningOf('x'.repeat(5000))?.length).toBe(1600)
  // No half of a sign.
  expect(beginningOf(`x${'🎉'.repeat(3000)}`)?.endsWith('🎉')).toBe(true)
})
