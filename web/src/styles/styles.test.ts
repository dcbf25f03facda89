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

it('draws lines that can be seen on what lies above the page, in both themes', () => {
  const tokens = readFileSync('src/styles/tokens.css', 'utf8')
  const pair = (name: string) => {
    const [, light = '', dark = ''] = new RegExp(`--${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`).exec(tokens) ?? []
    return [light, dark]
  }
  const luminance = (colour: string) => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map(at => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [line, raised] = [pair('line'), pair('raised')]
  for (const [index, colour] of line.entries()) {
    const [low = 0, high = 0] = [luminance(colour), luminance(raised[index] ?? '')].sort((a, b) => a - b)
    expect((high + 0.05) / (low + 0.05)).toBeGreaterThanOrEqual(1.5)
  }
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
