import { expect, it } from 'vitest'
import { emojiNamed, findEmoji } from './emoji'

it('finds emoji by name, the exact name first', () => {
  expect(findEmoji('heart')[0]).toEqual({ name: 'heart', text: '❤️' })
  expect(findEmoji('tada')[0]?.text).toBe('🎉')
  expect(findEmoji('smil').every(emoji => emoji.name.includes('smil'))).toBe(true)
  expect(findEmoji('xyzzy')).toEqual([])
})

it('replaces full names only', () => {
  expect(emojiNamed('well :tada:')).toEqual({ start: 5, text: '🎉' })
  expect(emojiNamed(':+1:')).toEqual({ start: 0, text: '👍' })
  for (const none of [':tad:', ':tada', ':tada: ', 'a:tada:', 'at 10:30:', ':xyzzy:'])
    expect(emojiNamed(none)).toBeNull()
})
