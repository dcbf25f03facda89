import { expect, it } from 'vitest'
import { groupsOf, loadEmoji, withTone } from './emojiData'

it('finds by label and by words, in the language of the user', async () => {
  const [en, de] = await Promise.all([loadEmoji('en'), loadEmoji('de')])
  const found = (all: typeof en, query: string) =>
    groupsOf(all, query, []).flatMap(group => group.emoji.map(e => e.text))
  expect(found(en, 'party popper')).toEqual(['🎉'])
  expect(found(en, 'tada').length + found(en, 'celebrate').length).toBeGreaterThan(0)
  expect(found(de, 'daumen hoch').length).toBeGreaterThan(0)
  expect(found(en, 'no such thing at all')).toEqual([])
})

it('shows what was used lately first, and each emoji in its group', async () => {
  const all = await loadEmoji('en')
  const groups = groupsOf(all, '', ['🎉', 'gone'])
  expect(groups[0]).toMatchObject({ name: 'recent', emoji: [{ text: '🎉' }] })
  expect(groups.slice(1).map(group => group.name)).toEqual([
    'smileys', 'people', 'animals', 'food', 'travel', 'activities', 'objects', 'symbols', 'flags',
  ]) // biome-ignore format: a table
  expect(groups.slice(1).reduce((sum, group) => sum + group.emoji.length, 0)).toBe(all.length)
})

it('gives the skin tone to those that have one', async () => {
  const all = await loadEmoji('en')
  const named = (label: string) => all.find(emoji => emoji.label === label)
  const [thumb, popper] = [named('thumbs up'), named('party popper')]
  if (!thumb || !popper) throw new Error('not there')
  expect([withTone(thumb, 3), withTone(popper, 3)]).toEqual(['👍🏽', '🎉'])
  expect(withTone(thumb, 0)).toBe(thumb.text)
})
