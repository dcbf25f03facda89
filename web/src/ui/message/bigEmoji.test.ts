import { expect, it } from 'vitest'
import { isBigEmoji } from './bigEmoji'

it('takes few emoji and nothing else, whatever they are made of', () => {
  for (const text of ['🎉', ' 👍🏽 ', '👩‍👩‍👧 ❤️', '🇩🇪🇫🇷', '3️⃣', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '☝🏽', '🎉\n🎉'])
    expect(isBigEmoji(text), text).toBe(true)
  for (const text of ['', ' ', 'a', '3', '#', '🎉!', '©', 'ok 👍', '🎉'.repeat(7), '🎉'.repeat(5000)])
    expect(isBigEmoji(text), text).toBe(false)
})
