import { expect, it } from 'vitest'
import { collapsedText } from './collapse'

it('cuts a long text after a line or a word, and leaves a short one alone', () => {
  expect(collapsedText('short')).toBeNull()
  expect(collapsedText('line\n'.repeat(29))).toBeNull()
  expect(collapsedText('x'.repeat(2400))).toBeNull()
  expect(collapsedText('line\n'.repeat(40))?.split('\n').length).toBe(20)
  const words = collapsedText('word '.repeat(1000)) ?? ''
  expect(words.length).toBeGreaterThan(1500)
  expect(words.endsWith('word')).toBe(true)
  expect(collapsedText('x'.repeat(5000))?.length).toBe(1600)
  // Not inside a surrogate pair.
  expect(collapsedText(`x${'🎉'.repeat(3000)}`)?.endsWith('🎉')).toBe(true)
})
