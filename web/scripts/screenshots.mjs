// Pictures of the main screens, light and dark, on a laptop and a phone. Needs a Parlor with --demo and `npm run preview`:
//   node scripts/screenshots.mjs [http://localhost:5173] [folder]
// Complains about anything that the console, the Content-Security-Policy or axe-core has to say.
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const base = process.argv[2] ?? 'http://localhost:5173'
const folder = process.argv[3] ?? 'screenshots'
mkdirSync(folder, { recursive: true })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
    ' ',
  ),
})
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const sizes = { laptop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } }
let complaints = 0

for (const [size, viewport] of Object.entries(sizes)) {
  for (const colorScheme of ['light', 'dark']) {
    const context = await browser.newContext({ viewport, colorScheme, deviceScaleFactor: 2, locale: 'en-GB' })
    const page = await context.newPage()
    const shoot = async name => {
      await page.waitForTimeout(300)
      await page.screenshot({ path: `${folder}/${name}-${size}-${colorScheme}.png` })
      await page.evaluate(axe)
      const { violations } = await page.evaluate(() => window.axe.run())
      for (const { id, help, nodes } of violations) {
        complaints++
        const where = nodes.slice(0, 3).map(node => `${node.target} ${node.any[0]?.message ?? ''}`)
        console.error(`axe: ${name} ${size} ${colorScheme}: ${id}: ${help}: ${where.join(' | ')}`)
      }
    }
    page.on('console', message => {
      // A visitor without a session is told so with a 401.
      if (message.type() !== 'error' || /401/.test(message.text())) return
      complaints++
      console.error(`${size} ${colorScheme}: ${message.text()}`)
    })
    page.on('pageerror', error => {
      complaints++
      console.error(`${size} ${colorScheme}: ${error.stack}`)
    })
    await page.goto(base)
    await page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await shoot('signin')
    if (size === 'laptop') {
      await page.goto(`${base}/signup`)
      await page.getByRole('heading', { name: 'Make a workspace' }).waitFor()
      await shoot('signup')
      await page.goto(`${base}/signin`)
    }
    await page.getByLabel('E-mail').fill('ada@parlor.example')
    await page.getByLabel('Password').fill('parlor-demo')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Channels' }).waitFor()
    await shoot('list')
    await page
      .getByRole('link', { name: /general/ })
      .first()
      .click()
    await page.locator('.message').first().waitFor()
    await shoot('channel')
    if (size === 'laptop') {
      await page
        .getByRole('link', { name: /engineering/ })
        .first()
        .click()
      await page.getByRole('heading', { name: 'engineering', level: 1 }).waitFor()
      await page.locator('.message').first().waitFor()
      await shoot('code')
      await page.getByRole('button', { name: /members/ }).click()
      await page.locator('.message').nth(2).hover()
      await shoot('members')
      await page.keyboard.press('Control+k')
      await page.getByRole('combobox').fill('a')
      await shoot('switcher')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'New chat' }).click()
      await shoot('new')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Ada Lovelace' }).click()
      await page.getByRole('menuitem', { name: 'Settings' }).click()
      await page.getByText('This one').waitFor()
      await shoot('settings')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Browse channels' }).click()
      await shoot('browse')
      await page.keyboard.press('Escape')
    } else {
      await page.getByRole('button', { name: /members/ }).click()
      await shoot('members')
    }
    await context.close()
  }
}
await browser.close()
process.exit(complaints > 0 ? 1 : 0)
