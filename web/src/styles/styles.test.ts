import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const files = readdirSync('src/styles')
  .filter(name => name.endsWith('.css'))
  .map(name => ({ name, css: readFileSync(`src/styles/${name}`, 'utf8') }))

/** The matches of a pattern, with their files. */
function findings(pattern: RegExp, except: string[] = []): string[] {
  return files
    .filter(({ name }) => !except.includes(name))
    .flatMap(({ name, css }) => (css.match(pattern) ?? []).map(found => `${name}: ${found}`))
}

it('imports every file', () => {
  const index = readFileSync('src/styles/index.css', 'utf8')
  const imported = [...index.matchAll(/"\.\/(.+)"/g)].map(([, name]) => name)
  expect(imported.sort()).toEqual(files.map(({ name }) => name).filter(name => name !== 'index.css'))
})

it('uses no left and right, so that languages written from the right are mirrored', () => {
  const physical =
    /(?<![-\w])(?:(?:margin|padding|border)-(?:left|right)|left|right|(?:text-align|float|clear):\s*(?:left|right))(?![-\w])\s*:?/g
  expect(findings(physical)).toEqual([])
  // Of four values, the second is for the right side and the fourth for the left.
  const four = findings(/(?<![-\w])(?:padding|margin|inset):(?:\s+(?:[-\w.%]+|(?:var|calc)\([^;]*?\)+)){4};/g)
  expect(four).toEqual([])
})

it('gives sizes in units that follow the font size of the reader', () => {
  // Lines and rings stay thin. The offsets and blurs of shadows are no room for text.
  const css = files.map(({ name, css }) => ({ name, css: css.replace(/^ *--shadow[^;]*;/gm, '') }))
  const fixed = css.flatMap(({ name, css }) =>
    [...css.matchAll(/(?<![\w.])(\d*\.?\d+)px/g)]
      .filter(([, px]) => Number(px) > 3)
      .map(([found]) => `${name}: ${found}`),
  )
  expect(fixed).toEqual([])
  expect(findings(/@media[^{]*\dpx/g)).toEqual([])
})

it('takes colours, font sizes and weights from the tokens', () => {
  // Avatars have a hue for each user, so their colours are not tokens.
  expect(findings(/light-dark\(|#[0-9a-f]{3,8}\b|rgba?\(|hsl\(/gi, ['tokens.css', 'avatar.css'])).toEqual([])
  expect(findings(/font-size: [\d.]+rem/g, ['tokens.css', 'avatar.css']).filter(f => !f.endsWith(' 1rem'))).toEqual([
    'composer.css: font-size: 1.125rem',
    'markdown.css: font-size: 1.875rem',
  ])
  expect(findings(/font-weight: \d+/g, ['tokens.css'])).toEqual([])
})
