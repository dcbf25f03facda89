// Emoji by their names: `:tad` and Tab, or `:tada:`. The list of them is a chunk of its own, fetched
// once it is needed.
import type { Completer } from '../completer'

export const emoji: Completer = {
  trigger: ':',
  accepts: /^[a-z0-9_+-]{2,30}$/,
  label: t => t.emoji,
  async *find(query) {
    const { findEmoji } = await import('../../emoji')
    yield findEmoji(query).map(({ name, text }) => ({
      key: name,
      insert: `${text} `,
      row: (
        <>
          <span className="emoji" aria-hidden="true">
            {text}
          </span>
          <span className="option-title">:{name}:</span>
        </>
      ),
    }))
  },
  async finish(before) {
    const { emojiNamed } = await import('../../emoji')
    const named = emojiNamed(before)
    return named && { start: named.start, insert: named.text }
  },
}
