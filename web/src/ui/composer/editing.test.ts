import { describe, expect, it } from 'vitest'
import { bodyOf, split } from './body'
import {
  block,
  type Change,
  code,
  isInCode,
  isInFence,
  link,
  linkOfPaste,
  newLine,
  prefixLines,
  type Selection,
  wrap,
} from './editing'

/** `[` and `]` around what is selected, or `|` for the cursor. */
function selection(marked: string): Selection {
  const start = marked.search(/[«|]/)
  const end = marked.includes('»') ? marked.indexOf('»') - 1 : start
  return { text: marked.replace(/[«»|]/g, ''), start, end }
}
function after({ text }: Selection, { from, to, insert, start, end }: Change): string {
  const next = text.slice(0, from) + insert + text.slice(to)
  return start === end
    ? `${next.slice(0, start)}|${next.slice(start)}`
    : `${next.slice(0, start)}«${next.slice(start, end)}»${next.slice(end)}`
}
const done = (edit: (selection: Selection) => Change, marked: string) =>
  after(selection(marked), edit(selection(marked)))

it('puts marks around what is selected, and takes them away', () => {
  const bold = (selection: Selection) => wrap('**', selection)
  expect(done(bold, 'a «word» b')).toBe('a **«word»** b')
  expect(done(bold, 'a **«word»** b')).toBe('a «word» b')
  expect(done(bold, 'a «**word**» b')).toBe('a «word» b')
  expect(done(bold, 'a« word »b')).toBe('a **«word»** b')
  expect(done(bold, 'a |')).toBe('a **|**')
  expect(done(bold, 'a **b|**')).toBe('a **b**|')
  expect(done(s => wrap('_', s), '**«word»**')).toBe('**_«word»_**')
  expect(done(code, '«a b»')).toBe('`«a b»`')
  expect(done(code, 'x «a\nb» y')).toBe('x \n```\n«a\nb»\n```\n y')
  expect(done(block, '«a ``` b»')).toBe('````\n«a ``` b»\n````')
})

it('makes links of what is selected', () => {
  expect(done(link, 'see «this»')).toBe('see [this](|)')
  expect(done(link, 'see |')).toBe('see [|]()')
  const url = (marked: string, pasted: string) => linkOfPaste(selection(marked), pasted)
  expect(url('see «this»', ' https://a.example/b_(c) ')).toBe('https://a.example/b_%28c%29')
  expect(done(s => link(s, 'https://a.example'), 'see «th]is»!')).toBe('see [th\\]is](https://a.example)|!')
  for (const marked of ['see |', '«https://b.example»', '«a\nb»', '`«a»`'])
    expect(url(marked, 'https://a.example')).toBeNull()
  for (const pasted of ['words', 'javascript:1', 'https://a.example and words']) expect(url('«a»', pasted)).toBeNull()
})

it('begins lines as quotes and lists, and undoes it', () => {
  expect(done(s => prefixLines('> ', s), 'a\n«b\nc»\nd')).toBe('a\n«> b\n> c»\nd')
  expect(done(s => prefixLines('> ', s), '«> b\n> c»')).toBe('«b\nc»')
  expect(done(s => prefixLines('1. ', s), '«b\nc»')).toBe('«1. b\n2. c»')
  expect(done(s => prefixLines('- ', s), 'a|')).toBe('- a|')
})

it('continues lists and quotes with a new line, and ends them with an empty one', () => {
  expect(done(newLine, 'a|')).toBe('a\n|')
  expect(done(newLine, '- a|')).toBe('- a\n- |')
  expect(done(newLine, '- a\n- |')).toBe('- a\n|')
  expect(done(newLine, '  * a|b')).toBe('  * a\n  * |b')
  expect(done(newLine, '9. a|')).toBe('9. a\n10. |')
  expect(done(newLine, '- [x] a|')).toBe('- [x] a\n- [ ] |')
  expect(done(newLine, '> a|')).toBe('> a\n> |')
  expect(done(newLine, '> a\n> |')).toBe('> a\n|')
  expect(done(newLine, '> - a|')).toBe('> - a\n> - |')
  expect(done(newLine, '> - |')).toBe('> |')
  expect(done(newLine, '-|- a')).toBe('-\n|- a')
  expect(done(newLine, '```\n  - a|')).toBe('```\n  - a\n|')
})

describe('code', () => {
  const at = (marked: string, is: typeof isInFence) => is(selection(marked).text, selection(marked).start)
  it('begins behind a fence and ends before the closing one', () => {
    for (const marked of ['```|', '```js|', '```js\na|', '```\na|\n```', '~~~\n```\n|', '  ```\n|', '```\n|'])
      expect(at(marked, isInFence), marked).toBe(true)
    for (const marked of ['|', '``|', '|```', '```\na\n```|', '```\na\n```\n|', '```a``` b|', 'a ```|'])
      expect(at(marked, isInFence), marked).toBe(false)
  })
  it('is also in a span that is open', () => {
    for (const marked of ['`x |', 'a ``b` |', 'see `a` and `b|`', '```\n|'])
      expect(at(marked, isInCode), marked).toBe(true)
    for (const marked of ['`x` |', 'a `b\n\nc |', '|`x`', '``a`b`` |']) expect(at(marked, isInCode), marked).toBe(false)
    expect(isInCode('a\n\n'.repeat(50_000), 150_000)).toBe(false)
    expect(isInCode(`${'a\n'.repeat(80_000)}`, 159_000)).toBe(false)
  })
})

describe('what is sent', () => {
  it('keeps the indentation of the first line, and no empty lines around it', () => {
    expect(bodyOf('    a\n    b')).toBe('    a\n    b')
    expect(bodyOf('\n \t\n    a\n\n b \n\n ')).toBe('    a\n\n b')
    expect(bodyOf(' \n ')).toBe('')
  })

  it('is split between lines, without losing any', () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `line ${i}`)
    const parts = split(lines.join('\n'), 1000)
    expect(parts.every(part => [...part].length <= 1000)).toBe(true)
    expect(parts.join('\n').split('\n')).toEqual(lines)
    expect(split('🎉'.repeat(3000), 1000).join('')).toBe('🎉'.repeat(3000))
    expect(split('short')).toEqual(['short'])
  })

  it('goes on with a block of code in the next part', () => {
    const text = `before\n\`\`\`js\n${'code()\n'.repeat(300)}\`\`\`\nafter`
    const parts = split(text, 500)
    expect(parts[0]).toMatch(/^before\n```js\ncode\(\)[\s\S]*\n```$/)
    for (const part of parts.slice(1, -1)) expect(part).toMatch(/^```js\n[\s\S]*\n```$/)
    expect(parts.at(-1)).toMatch(/^```js\n[\s\S]*```\nafter$/)
    expect(parts.join('\n').match(/code\(\)/g)).toHaveLength(300)
  })
})
