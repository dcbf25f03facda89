import { beforeEach, expect, it, vi } from 'vitest'

const stored = new Map<string, string>()
vi.stubGlobal('localStorage', {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => stored.set(key, value),
})

beforeEach(() => vi.resetModules())

const people = Array.from({ length: 12 }, (_, i) => `0193b1c0-0000-7000-8000-0000000000${i + 10}`)

it('gives the people of a team different hues, and the same again after a reload', async () => {
  stored.clear()
  const { hueOf } = await import('./hues')
  const hues = people.map(hueOf)
  expect(new Set(hues).size).toBe(12)
  vi.resetModules()
  const again = await import('./hues')
  expect([...people].reverse().map(again.hueOf).reverse()).toEqual(hues)
  expect(again.hueOf('a thirteenth')).toBe(hues[0])
})

it('takes nothing from a storage that holds something else', async () => {
  stored.set('parlor.hues', '{"a": "red", "b": 99}')
  const { hueOf } = await import('./hues')
  expect(hueOf('a')).toBe(0)
  stored.set('parlor.hues', '[')
})
