// Long texts, of which one sees the beginning until one wants the rest. Pure.

const LINES = 20
const CHARACTERS = 1600
/** For so little more nobody should have to press anything. */
const SLACK = 1.5

/** The beginning of a text that is too long to stand among others. Null: it is not. */
export function beginningOf(text: string): string | null {
  const lines = text.split('\n')
  if (lines.length <= LINES * SLACK && text.length <= CHARACTERS * SLACK) return null
  const some = lines.slice(0, LINES).join('\n')
  if (some.length <= CHARACTERS) return some
  // Between two words, where there are words.
  const cut = some.slice(0, CHARACTERS)
  const space = cut.search(/\s\S*$/)
  return space > CHARACTERS / 2 ? cut.slice(0, space) : cut.replace(/[\uD800-\uDBFF]$/, '')
}
