import { expect, it } from 'vitest'
import { clampWidth, listWidth, setListWidth, WIDTH_DEFAULT, WIDTH_MAX, WIDTH_MIN } from './listWidth'

it('stays between its limits, whatever is asked for', () => {
  expect([clampWidth(1), clampWidth(18), clampWidth(99)]).toEqual([WIDTH_MIN, 18, WIDTH_MAX])
  for (const none of [Number.NaN, Number.POSITIVE_INFINITY]) expect(clampWidth(none)).toBe(WIDTH_DEFAULT)
})

it('is kept', () => {
  expect(listWidth()).toBe(WIDTH_DEFAULT)
  setListWidth(20)
  expect(listWidth()).toBe(20)
})
