import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const files = readdirSync('src/styles')
  .filter(name => name.endsWith('.css'))
  .map(name => ({ name, css: readFileSync(`src/styles/${name}`, 'utf8') }))

/** Where a pattern is found. */
function findings(pattern: RegExp, except: string[] = []): string[] {
  return files
    .filter(({ name }) => !except.includes(name))
    .flatMap(({ name, css }) => (css.match(pattern) ?? []).map(found => `${name}: ${found}`))
}

it('loads every file', () => {
  const index = readFileSync('src/styles/index.css', 'utf8')
  const imported = [...index.matchAll(/"\.\/(.+)"/g)].map(([, name]) => name)
  expect(imported.sort()).toEqual(files.map(({ name }) => name).filter(name => name !== 'index.css'))
})

it('lays nothing out by left and right: a language that is read from the right turns it over', () => {
  const physical =
    /(?<![-\w])(?:(?:margin|padding|border)-(?:left|right)|left|right|(?:text-align|float|clear):\s*(?:left|right))(?![-\w])\s*:?/g
  expect(findings(physical)).toEqual([])
  // Of four values the second is the right side and the fourth the left one.
  const four = findings(/(?<![-\w])(?:padding|margin|inset):(?:\s+(?:[-\w.%]+|(?:var|calc)\([^;]*?\)+)){4};/g)
  expect(four).toEqual([])
})

it('takes colours, sizes of type and weights from the tokens', () => {
  // A person's picture has a hue of its own, so its colours cannot be those of everybody.
  expect(findings(/light-dark\(|#[0-9a-f]{3,8}\b|rgba?\(|hsl\(/gi, ['tokens.css', 'avatar.css'])).toEqual([])
  expect(findings(/font-size: [\d.]+rem/g, ['tokens.css', 'avatar.css']).filter(f => !f.endsWith(' 1rem'))).toEqual([
    'composer.css: font-size: 1.125rem',
  ])
  expect(findings(/font-weight: \d+/g, ['tokens.css'])).toEqual([])
})
