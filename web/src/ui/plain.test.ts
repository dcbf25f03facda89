import { expect, it } from 'vitest'
import { plain } from './plain'

it('makes one line of a list, in which one sees what is done', () => {
  expect(plain('- [x] migrations\n- [ ] docs\n  - and *more*')).toBe('☑ migrations ☐ docs • and more')
  expect(plain('1. [X] first\n2. second')).toBe('☑ first 2. second')
})

it('takes the marks away and leaves the words', () => {
  expect(plain('# Title\n**bold** `code` _soft_ snake_case [link](https://x.example)')).toBe(
    'Title bold code soft snake_case link',
  )
  expect(plain('2 - 1 = 1')).toBe('2 - 1 = 1')
})
