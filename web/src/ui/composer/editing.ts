// What keys and buttons do to the Markdown in the box. Pure: a selection becomes a change of the text.

export interface Selection {
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Replaces a range of the text. */
export interface Change {
  readonly from: number
  readonly to: number
  readonly insert: string
  /** What is selected afterwards. */
  readonly start: number
  readonly end: number
}

const FENCE = /^( {0,3})(`{3,}|~{3,})(.*)$/
/** The quotes that a line is in, then the marker of a list item. */
const LINE = /^((?:[ \t]*>)*[ \t]*)(?:([-+*]|(\d{1,9})([.)]))([ \t]+)(\[[ xX]\][ \t]+)?)?/

/** Whether a position is in a block of code: behind the opening fence, and before the closing one. */
export function isInFence(text: string, at: number): boolean {
  let fence = ''
  let begin = 0
  for (const line of text.split('\n')) {
    const end = begin + line.length
    const [, indent = '', marks = '', info = ''] = FENCE.exec(line) ?? []
    const closes = fence !== '' && marks.startsWith(fence) && info.trim() === ''
    const opens = fence === '' && marks !== '' && !(marks.startsWith('`') && info.includes('`'))
    if (at <= end) return opens ? at >= begin + indent.length + marks.length : fence !== '' && !closes
    if (opens) fence = marks
    else if (closes) fence = ''
    begin = end + 1
  }
  return false
}

/** Whether a position is in code: a block, or a span of the paragraph that is not closed before it. */
export function isInCode(text: string, at: number): boolean {
  if (isInFence(text, at)) return true
  const before = text.slice(0, at)
  const blank = [...before.matchAll(/\n[ \t]*(?=\n)/g)].at(-1)
  const paragraph = before.slice(blank ? blank.index + blank[0].length : 0)
  let open: string | null = null
  for (const [run] of paragraph.matchAll(/`+/g)) {
    if (open === null) open = run
    else if (open === run) open = null
  }
  return open !== null
}

/** What a new line is: it continues a list or a quote; an empty item ends it. */
export function newLine({ text, start, end }: Selection): Change {
  const begin = text.lastIndexOf('\n', start - 1) + 1
  const line = text.slice(begin, start)
  const insert = (piece: string): Change => caret(start, end, `\n${piece}`)
  if (isInFence(text, start)) return insert('')
  const match = LINE.exec(line)
  const [prefix = '', quote = '', marker = '', digits, point, space = '', task] = match ?? []
  if (marker === '' && !quote.includes('>')) return insert('')
  const rest = text.slice(begin + prefix.length, lineEnd(text, start))
  if (rest.trim() === '') return caret(begin + (marker && quote.includes('>') ? quote.length : 0), end, '')
  const next = digits === undefined ? marker : `${Number(digits) + 1}${point}`
  return insert(quote + next + space + (task ? '[ ] ' : ''))
}

/** Puts marks around the selection, or takes them away. */
export function wrap(mark: string, { text, start, end }: Selection): Change {
  const size = mark.length
  if (start === end) {
    if (text.startsWith(mark, start) && start > 0)
      return { from: start, to: start, insert: '', start: start + size, end: start + size }
    return { from: start, to: end, insert: mark + mark, start: start + size, end: start + size }
  }
  // Spaces at the edges would make the marks literal.
  const all = text.slice(start, end)
  const from = start + all.length - all.trimStart().length
  const to = Math.max(from, end - (all.length - all.trimEnd().length))
  const inner = text.slice(from, to)
  if (inner.length >= 2 * size && inner.startsWith(mark) && inner.endsWith(mark) && !isLonger(text, mark, from, to)) {
    const bare = inner.slice(size, -size)
    return { from, to, insert: bare, start: from, end: from + bare.length }
  }
  if (text.slice(0, from).endsWith(mark) && text.startsWith(mark, to) && !isLonger(text, mark, from - size, to + size))
    return { from: from - size, to: to + size, insert: inner, start: from - size, end: to - size }
  return { from, to, insert: mark + inner + mark, start: from + size, end: to + size }
}

/** Whether the mark is a part of a longer one: the `*` of `**`. */
function isLonger(text: string, mark: string, from: number, to: number): boolean {
  const [sign = ''] = mark
  const inner = text.slice(from, to)
  return mark.length === 1 && sign === '*' && (inner.startsWith('**') || text[from - 1] === '*')
}

export function code(selection: Selection): Change {
  return selection.text.slice(selection.start, selection.end).includes('\n') ? block(selection) : wrap('`', selection)
}

/** A block of code. */
export function block({ text, start, end }: Selection): Change {
  const inner = text.slice(start, end)
  const longest = Math.max(2, ...[...inner.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  const before = `${start > 0 && text[start - 1] !== '\n' ? '\n' : ''}${fence}\n`
  const after = `\n${fence}${end < text.length && text[end] !== '\n' ? '\n' : ''}`
  const at = start + before.length
  return { from: start, to: end, insert: before + inner + after, start: at, end: at + inner.length }
}

/** A link: the address is selected next, or the text if there is none. */
export function link({ text, start, end }: Selection, url = ''): Change {
  const words = text.slice(start, end)
  const insert = `[${words.replace(/[[\]\\]/g, '\\$&')}](${url})`
  const at = start + (words === '' ? 1 : url === '' ? insert.length - 1 : insert.length)
  return { from: start, to: end, insert, start: at, end: at }
}

/** The address that a paste puts on the selected words, if it is one. */
export function linkOfPaste({ text, start, end }: Selection, pasted: string): string | null {
  const words = text.slice(start, end)
  const url = pasted.trim()
  if (words.trim() === '' || words.includes('\n') || isInCode(text, start)) return null
  if (!/^https?:\/\/[^\s<>]+$/i.test(url) || /^https?:\/\//i.test(words.trim())) return null
  return url.replace(/[()]/g, sign => (sign === '(' ? '%28' : '%29'))
}

/** Begins each line of the selection with a marker, or takes it away from all. */
export function prefixLines(marker: '> ' | '- ' | '1. ', { text, start, end }: Selection): Change {
  const from = text.lastIndexOf('\n', start - 1) + 1
  const to = lineEnd(text, end)
  const lines = text.slice(from, to).split('\n')
  const has = marker === '> ' ? /^> ?/ : marker === '- ' ? /^[-+*] / : /^\d{1,9}[.)] /
  const all = lines.every(line => has.test(line))
  const insert = lines
    .map((line, index) => {
      if (all) return line.replace(has, '')
      return (marker === '1. ' ? `${index + 1}. ` : marker) + line
    })
    .join('\n')
  const after = from + insert.length
  return { from, to, insert, start: start === end ? after : from, end: after }
}

function caret(from: number, to: number, insert: string): Change {
  const at = from + insert.length
  return { from, to, insert, start: at, end: at }
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end
}
