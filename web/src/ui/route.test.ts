import { expect, it } from 'vitest'
import { parseRoute } from './route'

it('parses the paths of pages', () => {
  expect(parseRoute('/c/abc/12', '')).toEqual({ page: 'chat', chatId: 'abc', seq: 12 })
  expect(parseRoute('/c/abc/x', '')).toEqual({ page: 'chat', chatId: 'abc', seq: undefined })
  expect(parseRoute('/signup', '?invite=CODE')).toEqual({ page: 'signup', invite: 'CODE' })
  expect(parseRoute('/', '')).toEqual({ page: 'home' })
})
