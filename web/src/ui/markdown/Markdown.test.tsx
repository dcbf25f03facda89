import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it, vi } from 'vitest'
import { CELLS_MAX, DEPTH_MAX, NODES_MAX, parsablePart } from './bounds'
import { Markdown } from './Markdown'

vi.stubGlobal('location', { origin: 'https://parlor.example' })

const html = (text: string) => renderToStaticMarkup(<Markdown text={text} />)
const shown = (text: string) =>
  html(text)
    .replace(/<[^>]*>/g, '')
    .replace(/&gt;/g, '>')
    .replace(/&lt;/g, '<')
    .replace(/&amp;/g, '&')
const many = (piece: string) => piece.repeat(Math.floor(16_000 / piece.length))
const count = (text: string, what: RegExp) => text.match(what)?.length ?? 0

function depthOf(markup: string): number {
  let [depth, deepest] = [0, 0]
  for (const [tag] of markup.matchAll(/<\/?(?:ul|ol|blockquote|em|strong|del|a)\b/g)) {
    depth += tag.startsWith('</') ? -1 : 1
    deepest = Math.max(deepest, depth)
  }
  return deepest
}

const HOSTILE: Record<string, string> = {
  lists: `${'- '.repeat(7999)}x`,
  numbers: `${'1. '.repeat(5333)}x`,
  quotes: `${'>'.repeat(15_999)}x`,
  both: `${'> - '.repeat(3999)}x`,
  'lists again and again': many(`${'- '.repeat(20)}a\n`),
  'lists by indentation': Array.from({ length: 120 }, (_, i) => `${'  '.repeat(i)}- a`).join('\n'),
  'quotes with lazy lines': `${'> '.repeat(20)}a\n${many('b\n')}`,
  'a wide table': `|${'a|'.repeat(500)}\n|${'-|'.repeat(500)}\n${'|\n'.repeat(600)}`,
  'a wide table in a quote': `> |${'a|'.repeat(500)}\n> |${'-|'.repeat(500)}\n${'> |\n'.repeat(600)}`,
  'many tables': many('a|b\n-|-\n'),
  emphasis: `${'*'.repeat(8000)}a${'*'.repeat(7999)}`,
  'mixed emphasis': `${'*_'.repeat(4000)}a${'_*'.repeat(3999)}`,
  'emphasis that opens': many('*a'),
  strikethrough: many('~a'),
  images: `${'!['.repeat(4000)}a${'](b)'.repeat(1900)}`,
  brackets: `${'['.repeat(8000)}${']'.repeat(8000)}`,
  headings: many('a\n=\n'),
  items: many('- a\n'),
  dashes: many('-\n'),
  paragraphs: many('a\n\n'),
  fences: many('```\na\n'),
  'a fence that an HTML tag hides': `<div>\n\`\`\`\n\n${'*'.repeat(7900)}a${'*'.repeat(7900)}`,
  'a fence that a comment hides': `<!--\n\n\`\`\`\n-->\n${'*'.repeat(7900)}a${'*'.repeat(7900)}`,
  'a fence that a list ends': `- x\n  \`\`\`\n${'*'.repeat(7900)}a${'*'.repeat(7900)}`,
  backticks: Array.from({ length: 178 }, (_, i) => '`'.repeat(i + 1)).join(' '),
  addresses: many('http://a。'),
}

describe('a hostile message', () => {
  for (const [name, text] of Object.entries(HOSTILE)) {
    it(`of ${name} is drawn at once, and all of it is there`, () => {
      const begun = performance.now()
      const markup = html(text)
      // Without the bounds some of them take more than a minute, others a stack overflow.
      expect(performance.now() - begun).toBeLessThan(4000)
      expect(depthOf(markup)).toBeLessThanOrEqual(DEPTH_MAX)
      expect(count(markup, /<t[dh]\b/g)).toBeLessThanOrEqual(CELLS_MAX)
      expect(count(markup, /<\w/g)).toBeLessThanOrEqual(NODES_MAX)
      const letters = (all: string) => count(all, /[abx]/g)
      if (!/a\|b|a\|/.test(text)) expect(letters(shown(text))).toBeGreaterThanOrEqual(letters(text) * 0.9)
    })
  }
})

it('is parsed as a whole if it is no attack', () => {
  const code = `\`\`\`ts\n${'const snake_case = a * b // *_~[\n'.repeat(400)}\`\`\``
  const table = `|a|b|c|\n|-|-|-|\n${'|1|2|3|\n'.repeat(600)}`
  for (const text of [code, table, `${'- item\n'.repeat(900)}`, `${'*bold* text [a](b) '.repeat(400)}`])
    expect(parsablePart(text)).toBe(text.length)
})

it('shows what would show nothing as it was written', () => {
  for (const text of [
    '#',
    '>',
    '[]()',
    '![]()',
    '- ',
    '```js\n```',
    '```js',
    '![](javascript:1)',
    '[](https://a.example)',
  ])
    expect(shown(text).trim(), text).toBe(text.trim())
  for (const text of ['---', '- [ ] a', '`a`']) expect(html(text), text).not.toContain(`>${text}<`)
})

it('makes no link of an address that was dropped', () => {
  expect(html('![a](javascript:1)')).not.toContain('<a')
  expect(html('[a](javascript:1)')).not.toContain('<a')
})

it('aligns the cells of a table as it says', () => {
  expect(html('|a|b|\n|:-:|--:|\n|1|2|')).toMatch(/text-align:center.*text-align:right/)
})

it('names the boxes of a list of tasks', () => {
  expect(html('- [x] a\n- [ ] b')).toMatch(/aria-label="Done".*aria-label="To do"/s)
})

describe('Chinese, Japanese and Korean', () => {
  it('is bold beside its own letters and punctuation', () => {
    expect(html('**重要。**次です')).toContain('<strong>重要。</strong>次です')
    expect(html('これは**「重要」**です')).toContain('<strong>「重要」</strong>です')
    expect(html('~~違う。~~そう')).toContain('<del>違う。</del>そう')
    expect(html('**중요(重要)**합니다')).toContain('<strong>중요(重要)</strong>합니다')
    expect(html('a * b * c_d_e **x**y')).toContain('a * b * c_d_e <strong>x</strong>y')
  })

  it('ends an address at its punctuation, and reads on behind it', () => {
    const link = (text: string) => html(text).replace(/ target[^>]*/g, '')
    expect(link('https://example.com/foo。次の文')).toContain(
      '<a href="https://example.com/foo">https://example.com/foo</a>。次の文',
    )
    expect(link('（www.example.com/a）は**太字**')).toContain(
      '<a href="http://www.example.com/a">www.example.com/a</a>）は<strong>太字</strong>',
    )
    expect(link('https://a.example/x、https://b.example/y。')).toMatch(
      /<a href="https:\/\/a.example\/x">.*、<a href="https:\/\/b.example\/y">/,
    )
    expect(link('https://ja.example/日本語?q=語')).toContain('>https://ja.example/日本語?q=語</a>')
    expect(link('[見る。](https://a.example/b。c)')).toContain('>見る。</a>')
  })
})
