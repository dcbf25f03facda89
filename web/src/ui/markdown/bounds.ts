// Limits of what is parsed and drawn of a message, which may be hostile. What is beyond them is shown
// as its source. Pure.
//
// The invariant: no text of the allowed length takes the parser, the tree or the page noticeably
// long. The parser is quadratic in several ways, so `parsablePart` counts before it runs;
// `remarkBounds` limits what it made.
import type { Parents, Root, RootContent } from 'mdast'
import type { VFile } from 'vfile'

const LINES_MAX = 1000
/** Lists and quotes within each other; bold, links and the like count too. */
export const DEPTH_MAX = 20
/** Markers of lists and quotes at the beginnings of lines, all together. */
const MARKERS_MAX = 2000
/** What may begin emphasis or a link, in one paragraph. */
const DELIMITERS_MAX = 1000
export const CELLS_MAX = 2000
export const NODES_MAX = 5000

const MARKER = /[ \t]*(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t]|$))/y
const FENCE = /^(`{3,}|~{3,})([^\n]*)$/
/** What is only a part of its parent is no further level. */
const PARTS = new Set(['listItem', 'paragraph', 'tableRow', 'tableCell'])
/** The line below the head of a table. */
const TABLE = /^[ \t>*+\-\d.)]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/

/** How many characters of the text may be parsed. The cut is at the beginning of a line. */
export function parsablePart(text: string): number {
  let [at, lines, markers, delimiters, brackets] = [0, 0, 0, 0, 0]
  /** Where the paragraph, and the line before this one, begin. */
  let [paragraph, before] = [0, 0]
  let [cells, columns, table] = [0, 0, 0]
  let fence = ''
  // What follows an HTML tag may be no code although it looks like it.
  let fencesCount = true
  for (const line of text.split('\n')) {
    if (++lines > LINES_MAX) return at
    const depth = markersOf(line)
    markers += depth
    if (depth > DEPTH_MAX || markers > MARKERS_MAX) return at
    if (/^ {0,3}</.test(line)) fencesCount = false
    const [, marks = '', info = ''] = FENCE.exec(line) ?? []
    if (fence && fencesCount) {
      if (marks.startsWith(fence) && info.trim() === '') fence = ''
    } else if (marks && fencesCount && !(marks.startsWith('`') && info.includes('`'))) fence = marks
    else if (line.trim() === '') {
      ;[delimiters, brackets, columns] = [0, 0, 0]
      paragraph = at + line.length + 1
    } else {
      delimiters += count(line, /[*_~]/g)
      brackets += count(line, /\[/g)
      if (delimiters > DELIMITERS_MAX || brackets > DELIMITERS_MAX) return paragraph
      if (line.includes('|') && TABLE.test(line)) {
        const width = line.split('|').filter(part => part.includes('-')).length
        if (columns === 0) table = before
        columns = Math.max(columns, width)
        cells += columns
      }
      cells += columns
      if (cells > CELLS_MAX) return table
    }
    before = at
    at += line.length + 1
  }
  return text.length
}

function markersOf(line: string): number {
  let found = 0
  MARKER.lastIndex = 0
  while (MARKER.test(line)) found++
  return found
}

function count(line: string, what: RegExp): number {
  return line.match(what)?.length ?? 0
}

/** A remark plugin: shows as source what is nested too deeply, or is too much. */
export function remarkBounds() {
  return (tree: Root, file: VFile) => {
    const text = String(file)
    let nodes = 0
    const bound = (parent: Parents, depth: number): void => {
      for (const [index, child] of parent.children.entries()) {
        nodes++
        if (!('children' in child)) continue
        const next = PARTS.has(child.type) ? depth : depth + 1
        if (next > DEPTH_MAX) parent.children[index] = sourceOf(child, text)
        else bound(child, next)
        if (nodes > NODES_MAX) return
      }
    }
    for (const [index, child] of tree.children.entries()) {
      if ('children' in child) bound(child, 1)
      if (++nodes <= NODES_MAX) continue
      const rest = text.slice(child.position?.start.offset ?? 0)
      tree.children.splice(index, tree.children.length, {
        type: 'paragraph',
        children: [{ type: 'text', value: rest }],
      })
      return
    }
  }
}

function sourceOf({ type, position }: Parents, text: string): RootContent {
  const isBlock = type === 'blockquote' || type === 'list'
  const value = `${isBlock ? '\n' : ''}${text.slice(position?.start.offset, position?.end.offset)}`
  const source: RootContent = { type: 'text', value }
  return isBlock ? { type: 'paragraph', children: [source] } : source
}
