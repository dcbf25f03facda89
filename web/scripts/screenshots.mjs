// Takes screenshots of the main screens, light and dark, on a laptop and a phone, of a Parlor with
// --demo that it starts:
//   npm run build && cargo build && npm run screenshots [folder]
// Those of the README and the documentation go to ../docs/images. Errors in the console fail it.
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { launch, PATIENCE_MS } from '../e2e/browser.mjs'
import { Parlor } from '../e2e/parlor.mjs'

const folder = resolve(process.argv[2] ?? 'screenshots')
const shown = resolve(import.meta.dirname, '../../docs/images')
const SHOWN = { 'channel-laptop': 1, 'channel-phone': 2, 'list-phone': 2 }
const sizes = { laptop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }
mkdirSync(folder, { recursive: true })
const parlor = await Parlor.start({ demo: true })
// The demo's messages have the same time; for the screenshots they are spread over a morning.
await parlor.sql(
  `update messages m set created_at = date_trunc('day', now()) - interval '1 day' + interval '11:52'
     - make_interval(mins => (c.last_seq - m.seq)::int * (4 + m.seq::int % 5)) from chats c where c.id = m.chat_id`,
)
const browser = await launch()
let complaints = 0
try {
  for (const size of Object.keys(sizes)) for (const colorScheme of ['light', 'dark']) await tour(size, colorScheme)
} finally {
  await browser.close()
  await parlor.stop()
}
process.exit(complaints > 0 ? 1 : 0)

async function tour(size, colorScheme) {
  const options = { viewport: sizes[size], colorScheme, locale: 'en-GB', reducedMotion: 'reduce' }
  const device = size === 'phone' ? { deviceScaleFactor: 2, hasTouch: true, isMobile: true } : { deviceScaleFactor: 1 }
  const context = await browser.newContext({ ...options, ...device })
  const page = await context.newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  page.on('console', message => {
    // A page without a session gets a 401, which is expected.
    if (message.type() === 'error' && !/401/.test(message.text())) complain(message.text())
  })
  page.on('pageerror', error => complain(error.stack))
  const complain = text => {
    complaints++
    console.error(`${size} ${colorScheme}: ${text}`)
  }
  const shoot = async name => {
    await page.evaluate(() => document.fonts.ready)
    // The pointer must not hover over anything.
    if (name !== 'code') await page.mouse.move(0, 0)
    await page.waitForLoadState('networkidle', { timeout: 2000 }).catch(() => undefined)
    await page.screenshot({ path: join(folder, `${name}-${size}-${colorScheme}.png`) })
    if (`${name}-${size}` in SHOWN) {
      const file = `${name}${size === 'phone' ? '-phone' : ''}-${colorScheme}.png`
      await page.screenshot({ path: join(shown, file) })
    }
  }
  const open = async name => {
    await page.getByRole('link', { name }).first().click()
    await page.getByRole('heading', { name, level: 1 }).waitFor()
    await page.locator('.timeline[data-ready] .message').first().waitFor()
  }
  await page.goto(parlor.url)
  await page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
  await shoot('signin')
  await page.goto(`${parlor.url}/signup`)
  await page.getByRole('heading', { name: 'Create a workspace' }).waitFor()
  await shoot('signup')
  await page.goto(`${parlor.url}/signin`)
  await page.getByLabel('E-mail').fill('ada@parlor.example')
  await page.getByLabel('Password', { exact: true }).fill('parlor-demo')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Channels' }).waitFor()
  await shoot('list')
  await open('general')
  await shoot('channel')
  await page.getByRole('button', { name: /^\d+ members?$/ }).click()
  await page.getByRole('complementary', { name: 'Members' }).getByText('Edsger').waitFor()
  await shoot('members')
  await page.getByRole('button', { name: 'Close members' }).click()
  if (size === 'laptop') {
    await open('engineering')
    await page.locator('.hljs-keyword').first().waitFor()
    await page.locator('.message').nth(2).hover()
    await shoot('code')
    await page.keyboard.press('Control+k')
    await page.getByRole('combobox').fill('a')
    await shoot('switcher')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Control+/')
    await shoot('shortcuts')
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'Browse channels' }).click()
    await shoot('browse')
  } else {
    await page.getByRole('button', { name: 'Back to the list' }).click()
  }
  await page.getByRole('button', { name: 'Create channel' }).first().click()
  await shoot('new')
  await page.keyboard.press('Escape')
  await page.getByRole('link', { name: size === 'phone' ? 'You' : 'Settings', exact: true }).click()
  await page.getByRole('heading', { name: size === 'phone' ? 'You' : 'Account', level: 1 }).waitFor()
  await shoot('settings')
  await context.close()
}
