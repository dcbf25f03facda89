// `Person`: a user with a browser context and the actions of the suites. Errors of their pages are
// collected in `world.pageErrors`.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium, firefox } from 'playwright-core'
import { until } from './until.mjs'

/**
 * The timeout of waits. Long, because the machine may be busy; the suites do not measure speed.
 * The author of a suite may shorten it.
 */
export const PATIENCE_MS = Number(process.env.E2E_PATIENCE_MS ?? 120_000)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const flags =
  '--no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --disable-background-timer-throttling --disable-backgrounding-occluded-windows --disable-renderer-backgrounding'
/** A host name other than localhost, so that its pages are not a secure context. */
export const ELSEWHERE = 'parlor.test'
/** Console messages for errors and cut connections that steps cause on purpose. */
const EXPECTED = /status of (401|403|404|409|422|429|500|503)|net::ERR_|error occurred when fetching the script/

/** The size of the text that a reader sets in the browser; the rest follows it. */
const USUAL_SIZE = 16
const LARGE_SIZE = 32

/** The browser engine. `E2E_ENGINE=firefox` uses Playwright's own Firefox, if it is installed. */
const isFirefox = process.env.E2E_ENGINE === 'firefox'
const PREFERENCES = {
  'network.dns.localDomains': ELSEWHERE,
  'dom.events.asyncClipboard.readText': true,
  'dom.events.testing.asyncClipboard': true,
}

export function launch() {
  if (isFirefox) return firefox.launch({ firefoxUserPrefs: PREFERENCES })
  const places = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
  const executablePath = places.find(place => place && existsSync(place))
  if (!executablePath) throw new Error('no browser: install chromium, or name one in CHROMIUM')
  const args = [...flags.split(' '), `--host-resolver-rules=MAP ${ELSEWHERE} 127.0.0.1`]
  return chromium.launch({ executablePath, args })
}

/** A user with a browser, which may have several tabs. */
export class Person {
  static async at(world, options = {}) {
    const person = new Person()
    person.world = world
    person.base = options.base ?? world.parlor.url
    person.context = await world.browser.newContext({
      viewport: { width: 1200, height: 760 },
      locale: 'en-GB',
      // It answers before the steps that cut and delay requests can; `app.mjs` is about it.
      serviceWorkers: world.withServiceWorker ? 'allow' : 'block',
      ...options,
      // Firefox has these permissions by its preferences.
      permissions: isFirefox ? [] : (options.permissions ?? ['clipboard-read', 'clipboard-write']),
    })
    world.contexts.push(person.context)
    person.page = await person.tab()
    return person
  }

  async tab() {
    const page = await this.context.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    page.setDefaultNavigationTimeout(PATIENCE_MS)
    page.streams = 0
    page.refreshes = 0
    page.on('request', request => {
      const { pathname } = new URL(request.url())
      if (request.method() === 'GET' && pathname === '/events') page.streams++
    })
    page.on('response', response => {
      if (response.ok() && new URL(response.url()).pathname === '/api/refresh') page.refreshes++
    })
    page.on('pageerror', error => this.world.pageErrors.push(error.stack ?? String(error)))
    page.on('console', message => {
      if (message.type() === 'error' && !EXPECTED.test(message.text())) this.world.pageErrors.push(message.text())
    })
    return page
  }

  /** Signs up with a new workspace. The channel that it begins with is removed, unless it is wanted. */
  async signUp(workspace, name, { keepGeneral = false } = {}) {
    this.name = name
    await this.page.goto(`${this.base}/signup`)
    await this.page.getByLabel('Workspace').fill(workspace)
    await this.fillIn(name)
    await this.page.getByRole('button', { name: 'Create workspace' }).click()
    await this.entry('general').waitFor()
    if (keepGeneral) return
    const sql = `update chats set deleted_at = now()
                 where auto_join and workspace_id = (select id from workspaces where name = $1)`
    await this.world.parlor.sql(sql, [workspace])
    await this.entry('general').waitFor({ state: 'detached' })
    // It was open.
    await this.page.goto(this.base)
    await this.page.getByRole('heading', { name: 'Channels', exact: true }).waitFor()
  }

  /** Signs up by an invitation link. */
  async join(link, name) {
    this.name = name
    await this.page.goto(link)
    await this.fillIn(name)
    await this.page.getByRole('button', { name: 'Join' }).click()
    await this.page.getByRole('heading', { name: 'Channels', exact: true }).waitFor()
  }

  async fillIn(name) {
    this.email = emailOf(name, this.world.stamp)
    await this.page.getByLabel('Your name').fill(name)
    await this.page.getByLabel('E-mail').fill(this.email)
    await this.page.getByLabel('Password', { exact: true }).fill('correct horse')
  }

  async signIn(email, name = this.name) {
    this.name = name
    await this.page.goto(`${this.base}/signin`)
    await this.page.getByLabel('E-mail').fill(email)
    await this.page.getByLabel('Password', { exact: true }).fill('correct horse')
    await this.page.getByRole('button', { name: 'Sign in' }).click()
    await this.page.getByRole('heading', { name: 'Channels', exact: true }).waitFor()
  }

  async inviteLink() {
    await this.page.getByRole('complementary', { name: 'Chats' }).getByRole('button', { name: 'Invite people' }).click()
    await this.page.getByRole('button', { name: 'Create link' }).click()
    const link = await this.page.getByLabel('Invitation link').inputValue()
    await this.page.keyboard.press('Escape')
    return link
  }

  async createChannel(name, kind = 'Channel') {
    await this.page.getByRole('navigation', { name: 'Chats' }).getByRole('button', { name: 'Create channel' }).click()
    const dialog = this.page.getByRole('dialog', { name: 'New chat' })
    await dialog.getByText(kind, { exact: true }).click()
    await dialog.getByLabel('Name', { exact: true }).fill(name)
    await dialog.getByRole('button', { name: 'Create' }).click()
    await this.sees(name)
  }

  async joinChannel(name) {
    await this.page.getByRole('link', { name: 'Browse channels' }).click()
    await this.page.getByRole('button', { name: `Join ${name}` }).click()
    await this.sees(name)
  }

  /** Opens a page of the settings. */
  async settings(name = 'Account', page = this.page) {
    await page.getByRole('banner').getByRole('button', { name: this.name }).click()
    await page.getByRole('menuitem', { name: 'Settings', exact: true }).click()
    await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name }).click()
    await page.getByRole('heading', { name, level: 1 }).waitFor()
  }

  /** Opens the chat of that name. */
  async sees(name) {
    await this.page.getByRole('heading', { name, level: 1 }).waitFor()
    await this.page.locator('.timeline[data-ready]').waitFor()
  }

  entry(name) {
    return this.page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name })
  }

  /** How many messages of the chat are unread. */
  async unread(name, page = this.page) {
    const entry = page.getByRole('navigation', { name: 'Chats' }).getByRole('link', { name })
    return Number((await entry.getAttribute('data-unread')) ?? 0)
  }

  async open(name) {
    await this.entry(name).click()
    await this.sees(name)
  }

  box(page = this.page) {
    return page.getByRole('textbox', { name: /^Message/ })
  }

  async say(text, page = this.page) {
    await this.box(page).fill(text)
    await this.box(page).press('Enter')
  }

  message(text, page = this.page) {
    return page.locator('.message', { hasText: text })
  }

  async gets(text, page = this.page) {
    await this.message(text, page).first().waitFor()
  }

  async texts(page = this.page) {
    return await page.locator('.message-body').allTextContents()
  }

  /**
   * Checks the current screen with axe-core: in the light and the dark theme, and with text of twice
   * the size, if it has a part that was not seen with such text yet. Colours are the same then.
   */
  async audit(screen, page = this.page, { atUsualSizeAlone = false } = {}) {
    const parts = await page.evaluate(partsOfScreen)
    const isNew = parts.some(part => !this.world.seenLarge.has(part))
    // A menu closes when the window changes.
    const isLarge = isNew && !isFirefox && !atUsualSizeAlone && (await page.getByRole('menu').count()) === 0
    for (const theme of ['light', 'dark']) await this.look(screen, page, theme, USUAL_SIZE)
    if (isLarge) {
      const scroller = page.locator('.scroller')
      const [top = 0] = await scroller.evaluateAll(all => all.map(e => e.scrollTop))
      const devtools = await page.context().newCDPSession(page)
      await setFontSize(devtools, page, LARGE_SIZE)
      await this.look(screen, page, 'light', LARGE_SIZE)
      for (const part of parts) this.world.seenLarge.add(part)
      await setFontSize(devtools, page, USUAL_SIZE)
      await devtools.detach()
      // The other size has moved what was read.
      await scroller.evaluateAll((all, top) => {
        for (const element of all) element.scrollTo({ top })
      }, top)
    }
    await page.emulateMedia({ colorScheme: null, reducedMotion: null })
  }

  async look(screen, page, colorScheme, size) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    // Animations must be over, or axe measures colours in between.
    await until('nothing moves', () =>
      page.evaluate(() => document.getAnimations().every(a => a.playState !== 'running')),
    )
    if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe)
    // The parts of a page do not depend on the size of the text. axe guesses from the
    // places of the parts whether one of them covers the page like a dialog.
    const usual = { enabled: size === USUAL_SIZE }
    const rules = { 'target-size': { enabled: true }, 'landmark-one-main': usual, 'page-has-heading-one': usual }
    const { violations } = await page.evaluate(rules => window.axe.run({ rules }), rules)
    const told = violations.map(({ id, help, nodes }) => {
      const where = nodes.slice(0, 3).map(node => `${node.target} (${node.any[0]?.message ?? ''})`)
      return `${id}: ${help}: ${where.join(' | ')}`
    })
    assert.deepEqual(told, [], `axe-core: ${screen}, ${colorScheme}, ${size} pixels`)
    this.world.audited.add(`${screen} ${colorScheme} ${size}`)
  }

  async leave() {
    await this.context.close()
  }
}

/** What is laid out on a screen: kinds of elements, in a language and a window of a width. */
function partsOfScreen() {
  const { lang, dir } = document.documentElement
  const shown = [...document.querySelectorAll('[class]')].filter(element => element.checkVisibility())
  const kinds = new Set(shown.flatMap(element => [...element.classList]))
  return [...kinds].map(kind => `${kind} ${lang} ${dir} ${innerWidth}`)
}

/** Resolves once the window has the layout for it. */
async function setFontSize(devtools, page, size) {
  await devtools.send('Page.setFontSizes', { fontSizes: { standard: size } })
  // Chromium tells the page of media queries that have changed only when the window changes too.
  const viewport = page.viewportSize()
  await page.setViewportSize({ ...viewport, height: viewport.height + 1 })
  await page.setViewportSize(viewport)
  await page.evaluate(async size => {
    const frame = () => new Promise(done => requestAnimationFrame(done))
    const scale = { small: 0.9375, large: 1.125, largest: 1.25 }[document.documentElement.dataset.text] ?? 1
    while (getComputedStyle(document.documentElement).fontSize !== `${size * scale}px`) await frame()
    await frame()
    await frame()
  }, size)
}

export function emailOf(name, stamp) {
  return `${name.split(' ')[0].toLowerCase()}-${stamp}@e2e.example`
}

/** Two users of one workspace, with a channel that both are in. */
export async function two(world, workspace, channel = 'lobby') {
  const [olga, ben] = [await Person.at(world), await Person.at(world)]
  await olga.signUp(`${workspace} ${world.stamp}`, 'Olga Owner')
  await ben.join(await olga.inviteLink(), 'Ben Newcomer')
  await olga.createChannel(channel)
  await ben.joinChannel(channel)
  return { olga, ben }
}
