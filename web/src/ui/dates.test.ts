import { describe, expect, it } from 'vitest'
import { clock, dayName, formats, shortDate } from './dates'
import { nextCheck } from './today'

describe('days', () => {
  it('are named after how far they are from today', () => {
    const now = new Date(2026, 10, 30, 0, 0, 1)
    const at = (...parts: [number, number, number, number?]) => dayName(new Date(...parts).toISOString(), now)
    expect(at(2026, 10, 30)).toBe('Today')
    expect(at(2026, 10, 29, 23)).toBe('Yesterday')
    expect(at(2026, 10, 28)).toMatch(/28/)
    expect(at(2025, 10, 28)).toMatch(/2025/)
  })

  it('move on at midnight, and soon after a sleep', () => {
    expect(nextCheck(new Date(2026, 10, 30, 23, 59, 59, 500))).toBe(501)
    expect(nextCheck(new Date(2026, 10, 30, 12))).toBe(60_000)
  })
})

describe('times', () => {
  const at = new Date(2026, 10, 30, 3, 5).toISOString()

  it('look the same in messages and in settings', () => {
    expect(shortDate(at)).toContain(clock(at))
  })

  it('have as many hours as the reader is used to, in whatever language the texts are', () => {
    const evening = new Date(2026, 10, 30, 15, 5)
    expect(formats('en', 'fr-FR').time.format(evening)).toBe('15:05')
    expect(formats('en', 'en-US').time.format(evening)).toMatch(/^3:05\sPM$/)
    expect(formats('de', 'de-AT').medium.format(evening)).toContain('15:05')
    expect(formats('en-GB', 'en-GB').time.format(new Date(2026, 10, 30, 3, 5))).toBe('03:05')
    expect(formats('en', 'fr-FR').full.format(evening)).toContain('15:05')
  })
})
