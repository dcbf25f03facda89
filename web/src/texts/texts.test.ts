import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { de } from './de'
import { en } from './en'

/** Names of things that are the same everywhere. */
const NO_WORDS =
  /^(Parlor|Ctrl|Enter|Shift|Esc|Alt|Del|F6|Edge|Firefox|Chrome|Safari|Android|iOS|Windows|macOS|Linux|[A-Z])$/

/** Files of `src/ui`, those in its folders too. */
function drawn(): string[] {
  return readdirSync('src/ui', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.tsx'))
}

it('finds no text in what is drawn that is not in the catalogues', () => {
  const found: string[] = []
  for (const name of drawn()) {
    const source = ts.createSourceFile(
      name,
      readFileSync(`src/ui/${name}`, 'utf8'),
      ts.ScriptTarget.Latest,
      true,
      ts.ScriptKind.TSX,
    )
    const tell = (node: ts.Node, text: string) => {
      const words = text.trim()
      if (!/\p{L}{2}/u.test(words) || NO_WORDS.test(words)) return
      found.push(`${name}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${words}`)
    }
    const visit = (node: ts.Node): void => {
      if (ts.isJsxText(node)) tell(node, node.text)
      const spoken = /^(label|title|placeholder|aria-label|hint|text|action|lead|alt)$/
      if (ts.isJsxAttribute(node) && spoken.test(node.name.getText())) {
        if (node.initializer && ts.isStringLiteral(node.initializer)) tell(node, node.initializer.text)
      }
      // Sentences: with a capital and a space in them.
      if (
        (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) &&
        /^[A-Z]\p{Ll}+ \p{L}/u.test(node.text)
      ) {
        tell(node, node.text)
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  expect(found.filter(text => !/outside of a/.test(text))).toEqual([])
})

it('says the same things in every language', () => {
  const shape = (value: unknown): unknown =>
    typeof value === 'function'
      ? value.length
      : typeof value === 'object'
        ? Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, shape(inner)]))
        : typeof value
  expect(shape(de)).toEqual(shape(en))
  const same = (a: unknown, b: unknown, path: string): string[] =>
    typeof a === 'object'
      ? Object.keys(a as object).flatMap(key => same((a as never)[key], (b as never)[key], `${path}.${key}`))
      : typeof a === 'string' && a === b
        ? [path]
        : []
  // Words that are the same in both.
  expect(same(en, de, '').sort()).toEqual(['.emoji', '.name', '.offline'])
})

it('has no text that nobody sees', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(name => /^(ui|store)\b.*\.tsx?$/.test(name))
    .map(name => readFileSync(`src/${name}`, 'utf8'))
    .join('\n')
  // By its name, or by one that a table of labels holds.
  const isUsed = (key: string) => new RegExp(`(\\.|[{,] ?|')${key}\\b`).test(sources)
  expect(Object.keys(en).filter(key => !isUsed(key))).toEqual([])
})

it('counts as each language does', () => {
  expect([en.newMessages(1), en.newMessages(2)]).toEqual(['1 new message', '2 new messages'])
  expect([de.newMessages(1), de.newMessages(2)]).toEqual(['1 neue Nachricht', '2 neue Nachrichten'])
})
