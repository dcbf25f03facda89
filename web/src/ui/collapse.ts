// Cuts long texts for the collapsed form of a message. Pure.

const LINES = 20
const CHARACTERS = 1600
/** A text that is only this much longer is not collapsed. */
const SLACK = 1.5

/** The beginning of a long text; null if the text is short enough to be shown as it is. */
export function collapsedText(text: string): string | null {
  const lines = text.split('\n')
  if (lines.length <= LINES * SLACK && text.length <= CHARACTERS * SLACK) return null
  const some = lines.slice(0, LINES).join('\n')
  if (some.length <= CHARACTERS) return some
  // Cut between two words if possible, and never inside a surrogate pair.
  const cut = some.slice(0, CHARACTERS)
  const space = cut.search(/\s\S*$/)
  return space > CHARACTERS / 2 ? cut.slice(0, space) : cut.replace(/[\uD800-\uDBFF]$/, '')
}
