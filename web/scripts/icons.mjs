// Makes the icons of the app from public/icon.svg: `npm run icons`, after it was changed.
import { readFileSync, writeFileSync } from 'node:fs'
import { launch } from '../e2e/browser.mjs'

const svg = readFileSync('public/icon.svg', 'utf8')
const ground = /<rect[^>]*fill="([^"]+)"/.exec(svg)?.[1]
if (!ground) throw new Error('public/icon.svg has no ground')
/** Systems cut a maskable icon to a shape of theirs: the mark is in the inner 80 %. */
const full = scale =>
  svg
    .replace(/<rect[^>]*\/>/, `<rect width="32" height="32" fill="${ground}"/>`)
    .replace(/<path([^>]*)\/>/, (_, rest) => {
      const shift = 16 * (1 - scale)
      return `<path transform="translate(${shift} ${shift}) scale(${scale})"${rest}/>`
    })
const dot = svg.replace(
  '</svg>',
  '<circle cx="25" cy="7" r="6.5" fill="#d4532f" stroke="#fff" stroke-width="2"/></svg>',
)
const ICONS = [
  ['icon-192.png', 192, svg],
  ['icon-512.png', 512, svg],
  ['icon-maskable-512.png', 512, full(0.85)],
  // iOS rounds it, and draws what is transparent in black.
  ['icon-touch-180.png', 180, full(1)],
]

writeFileSync('public/icon-unread.svg', dot)
const browser = await launch()
for (const [name, size, source] of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } })
  await page.setContent(`<style>*{margin:0}svg{display:block;width:100vw;height:100vh}</style>${source}`)
  await page.screenshot({ path: `public/${name}`, omitBackground: true })
}
await browser.close()
