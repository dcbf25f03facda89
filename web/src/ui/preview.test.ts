import { expect, it } from 'vitest'
import { previewText } from './preview'

it('makes one line of a list, and shows which tasks are done', () => {
  expect(previewText('- [x] migrations\n- [ ] docs\n  - and *more*')).toBe('☑ migrations ☐ docs • and more')
  expect(previewText('1. [X] first\n2. second')).toBe('☑ first 2. second')
})

it('removes the Markdown and keeps the words', () => {
  expect(previewText('# Title\n**bold** `code` _soft_ snake_case [link](https://x.example)')).toBe(
    'Title bold code soft snake_case link',
  )
  expect(previewText('2 - 1 = 1')).toBe('2 - 1 = 1')
})

it('keeps underscores inside a word', () => {
  expect(previewText('**Look** at `chat_id`,\n> a _quote_ and a [link](https://x.example)')).toBe(
    'Look at chat_id, a quote and a link',
  )
})
