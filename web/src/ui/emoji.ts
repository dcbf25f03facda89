// All emoji with the names that GitHub uses. A chunk of its own, fetched on demand.
import codes from 'emojibase-data/en/shortcodes/github.json'

export interface Emoji {
  name: string
  text: string
}

const all: Emoji[] = Object.entries(codes as Record<string, string | string[]>).flatMap(([code, names]) =>
  (typeof names === 'string' ? [names] : names).map(name => ({ name, text: textOf(code) })),
)
const SHOWN = 8

export function findEmoji(query: string): Emoji[] {
  const rank = ({ name }: Emoji) => (name === query ? 0 : name.startsWith(query) ? 1 : name.includes(query) ? 2 : 3)
  return all
    .map(emoji => ({ emoji, at: rank(emoji) }))
    .filter(({ at }) => at < 3)
    .sort((a, b) => a.at - b.at || a.emoji.name.length - b.emoji.name.length)
    .slice(0, SHOWN)
    .map(({ emoji }) => emoji)
}

function textOf(code: string): string {
  const points = code.split('-').map(part => Number.parseInt(part, 16))
  const text = String.fromCodePoint(...points)
  // Older characters are drawn as text without the variation selector.
  return points.length === 1 && (points[0] ?? 0) < 0x1f000 ? `${text}\uFE0F` : text
}

/** The emoji whose full name ends at the cursor: `:tada:`. */
export function emojiNamed(before: string): { start: number; text: string } | null {
  const name = /(?:^|[\s(]):([a-z0-9_+-]{2,30}):$/.exec(before)?.[1]
  const emoji = name === undefined ? undefined : all.find(emoji => emoji.name === name)
  return name !== undefined && emoji ? { start: before.length - name.length - 2, text: emoji.text } : null
}
