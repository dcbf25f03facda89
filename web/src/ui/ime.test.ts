import { expect, it } from 'vitest'
import { isComposing, noteEnd } from './ime'

const key = (change: object = {}) => ({ isComposing: false, keyCode: 13, timeStamp: 1000, ...change })

it('leaves keys to an input method in every order of events', () => {
  expect(isComposing(key(), 'Google Inc.')).toBe(false)
  expect(isComposing(key({ isComposing: true }), 'Google Inc.')).toBe(true)
  // WebKit: the composition is over already.
  expect(isComposing(key({ keyCode: 229 }), 'Google Inc.')).toBe(true)
  noteEnd(990)
  expect(isComposing(key(), 'Apple Computer, Inc.')).toBe(true)
  expect(isComposing(key({ timeStamp: 1100 }), 'Apple Computer, Inc.')).toBe(false)
  // In Chromium, Korean input ends with a key of its own, which is meant for the page.
  expect(isComposing(key(), 'Google Inc.')).toBe(false)
})
