import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { de } from './de'
import { en } from './en'

/** Names that are the same in every language. */
const NAMES =
  /^(Parlor|Ctrl|Enter|Shift|Esc|Alt|Del|F6|Edge|Firefox|Chrome|Safari|Android|iOS|Windows|macOS|Linux|[A-Z])$/

/** The components: files of `src/ui` and its folders. */
function componentFiles(): string[] {
  return readdirSync('src/ui', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.tsx'))
}

it('finds no text in components that is not in the catalogues', () => {
  const found: string[] = []
  for (const name of componentFiles()) {
    const source = ts.createSourceFile(
      name,
      readFileSync(`src/ui/${name}`, 'utf8'),
      ts.ScriptTarget.Latest,
      true,
      ts.ScriptKind.TSX,
    )
    const tell = (node: ts.Node, text: string) => {
      const words = text.trim()
      if (!/\p{L}{2}/u.test(words) || NAMES.test(words)) return
      found.push(`${name}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}: ${words}`)
    }
    const visit = (node: ts.Node): void => {
      if (ts.isJsxText(node)) tell(node, node.text)
      const spoken = /^(label|title|placeholder|aria-label|hint|text|action|lead|alt)$/
      if (ts.isJsxAttribute(node) && spoken.test(node.name.getText())) {
        if (node.initializer && ts.isStringLiteral(node.initializer)) tell(node, node.initializer.text)
      }
      // Sentences begin with a capital and have a space.
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

it('has the same texts in every language', () => {
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
  // These are the same in both.
  expect(same(en, de, '').sort()).toEqual([
    '.emoji',
    '.emojiGroups.smileys',
    '.formats.link',
    '.name',
    '.thread',
    '.threads',
  ])
})

it('has no unused text', () => {
  const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter(name => /^(ui|store)\b.*\.tsx?$/.test(name))
    .map(name => readFileSync(`src/${name}`, 'utf8'))
    .join('\n')
  // Used by its name, or from a table of labels.
  const isUsed = (key: string) => new RegExp(`(\\.|[{,] ?|')${key}\\b`).test(sources)
  expect(Object.keys(en).filter(key => !isUsed(key))).toEqual([])
})

it('forms plurals as each language does', () => {
  expect([en.newMessages(1), en.newMessages(2)]).toEqual(['1 new message', '2 new messages'])
  expect([de.newMessages(1), de.newMessages(2)]).toEqual(['1 neue Nachricht', '2 neue Nachrichten'])
})
