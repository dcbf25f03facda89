// Two people, real browsers, a real Parlor: what must work, from signing up to a dropped connection.
//   node scripts/e2e.mjs [http://localhost:5173]
// The stream goes through a wire that this script can cut; the page's policy must allow it: PARLOR_EVENTS='… http://localhost:8690'.
import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { chromium } from 'playwright-core'

const base = process.argv[2] ?? 'http://localhost:5173'
const flags =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
/** Between the browsers and notify_server: passes everything, until it is cut. */
class Wire {
  sockets = new Set()
  whole = true

  constructor(port, target) {
    this.server = createServer(socket => {
      if (!this.whole) return socket.destroy()
      const far = connect(Number(target.port), target.hostname)
      for (const end of [socket, far]) {
        this.sockets.add(end)
        end.on('error', () => {})
        end.on('close', () => {
          this.sockets.delete(end)
          socket.destroy()
          far.destroy()
        })
      }
      socket.pipe(far).pipe(socket)
    }).listen(port, '127.0.0.1')
  }

  cut() {
    this.whole = false
    for (const socket of this.sockets) socket.destroy()
  }

  mend() {
    this.whole = true
  }
}
const wire = new Wire(8690, new URL(process.env.PARLOR_NOTIFY ?? 'http://127.0.0.1:6687'))

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: flags.split(' '),
})
const stamp = Date.now().toString(36)
const troubles = []
let passed = 0

async function person(viewport = { width: 1200, height: 760 }) {
  const context = await browser.newContext({ viewport, permissions: ['clipboard-read', 'clipboard-write'] })
  await context.route('**/api/events/ticket', async route => {
    const response = await route.fetch()
    const ticket = await response.json()
    const url = ticket.url.replace(/^https?:\/\/[^/]+/, 'http://localhost:8690')
    await route.fulfill({ response, json: { ...ticket, url } })
  })
  return { context, page: await tab(context) }
}

async function tab(context) {
  const page = await context.newPage()
  page.setDefaultTimeout(8000)
  page.streams = 0
  page.refreshes = 0
  page.on('request', request => {
    if (request.method() !== 'GET' && request.url().endsWith('/api/refresh')) page.refreshes++
    if (request.method() === 'GET' && request.url().includes('/events')) page.streams++
  })
  page.on('pageerror', error => troubles.push(error.stack ?? String(error)))
  page.on('console', message => {
    const text = message.text()
    if (
      message.type() === 'error' &&
      !/401|ERR_INTERNET|ERR_NETWORK|ERR_CONNECTION|ERR_EMPTY|ERR_INCOMPLETE|ERR_SOCKET|422/.test(text)
    )
      troubles.push(text)
  })
  return page
}

async function step(name, work) {
  const from = Date.now()
  try {
    await work()
    passed++
    console.log(`ok ${name} (${Date.now() - from} ms)`)
  } catch (error) {
    console.log(`FAILED ${name}`)
    for (const [index, context] of browser.contexts().entries()) {
      for (const page of context.pages()) await page.screenshot({ path: `/tmp/e2e-${index}.png` }).catch(() => {})
    }
    console.log(error, troubles)
    console.log(`${passed} passed, 1 failed`)
    process.exit(1)
  }
}

const box = page => page.getByRole('textbox', { name: /^Message/ })
const message = (page, text) => page.locator('.message', { hasText: text })
async function say(page, text) {
  await box(page).fill(text)
  await box(page).press('Enter')
}

const olga = await person()
const ben = await person()
let link = ''

await step('sign up with a new workspace', async () => {
  await olga.page.goto(`${base}/signup`)
  await olga.page.getByLabel('Workspace').fill(`Team ${stamp}`)
  await olga.page.getByLabel('Your name').fill('Olga Owner')
  await olga.page.getByLabel('E-mail').fill(`olga-${stamp}@e2e.example`)
  await olga.page.getByLabel('Password').fill('correct horse')
  await olga.page.getByRole('button', { name: 'Make the workspace' }).click()
  await olga.page.getByText('Nobody here yet').waitFor()
})

await step('a wrong password is told, and nothing else', async () => {
  await ben.page.goto(base)
  await ben.page.getByLabel('E-mail').fill(`olga-${stamp}@e2e.example`)
  await ben.page.getByLabel('Password').fill('wrong horse')
  await ben.page.getByRole('button', { name: 'Sign in' }).click()
  await ben.page.getByText('do not belong together').waitFor()
})

await step('invite by link, and join by it', async () => {
  await olga.page.getByRole('main').getByRole('button', { name: 'Invite people' }).click()
  await olga.page.getByRole('button', { name: 'Make a link' }).click()
  link = await olga.page.getByLabel('Invitation link').inputValue()
  await olga.page.keyboard.press('Escape')
  await ben.page.goto(link.replace(/^https?:\/\/[^/]+/, base))
  await ben.page.getByRole('heading', { name: `Join Team ${stamp}` }).waitFor()
  await ben.page.getByLabel('Your name').fill('Ben Newcomer')
  await ben.page.getByLabel('E-mail').fill(`ben-${stamp}@e2e.example`)
  await ben.page.getByLabel('Password').fill('correct horse')
  await ben.page.getByRole('button', { name: 'Join' }).click()
  await ben.page.getByRole('heading', { name: 'Channels' }).waitFor()
})

await step('make a channel, which the other finds and joins', async () => {
  await olga.page.getByRole('complementary').getByRole('button', { name: 'New chat' }).click()
  await olga.page.getByLabel('Name', { exact: true }).fill('lobby')
  await olga.page.getByRole('button', { name: 'Create' }).click()
  await olga.page.getByRole('heading', { name: 'lobby', level: 1 }).waitFor()
  await ben.page.getByRole('button', { name: 'Browse channels' }).click()
  await ben.page.getByRole('button', { name: 'Join lobby' }).click()
  await ben.page.getByRole('heading', { name: 'lobby', level: 1 }).waitFor()
})

await step('talk both ways', async () => {
  await say(olga.page, 'Hello **Ben**')
  await message(ben.page, 'Hello Ben').locator('strong').waitFor()
  await say(ben.page, 'Hello Olga')
  await message(olga.page, 'Hello Olga').waitFor()
  assert.equal(await message(olga.page, 'Hello Ben').count(), 1)
  assert.equal(await olga.page.locator('.message[data-state]').count(), 0, 'everything settled')
})

await step('what is written is never markup', async () => {
  await say(ben.page, '<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](https://x.example/p.png)')
  const row = message(olga.page, '<img src=x')
  await row.waitFor()
  assert.equal(await row.locator('img').count(), 0)
  const hrefs = await row.locator('.message-body a').evaluateAll(all => all.map(a => a.getAttribute('href')))
  assert.ok(!hrefs.some(href => href?.startsWith('javascript')), String(hrefs))
})

await step('edit the last with ↑, reply, delete', async () => {
  await box(olga.page).press('ArrowUp')
  await olga.page.getByText('Editing your message').waitFor()
  await box(olga.page).fill('Hello again, Ben')
  await box(olga.page).press('Enter')
  await message(ben.page, 'Hello again, Ben').getByText('edited').waitFor()
  await message(ben.page, 'Hello again, Ben').hover()
  await message(ben.page, 'Hello again, Ben').getByRole('button', { name: 'Reply' }).click()
  await say(ben.page, 'A reply')
  await message(olga.page, 'A reply').locator('.quote', { hasText: 'Hello again' }).waitFor()
  await message(ben.page, 'A reply').hover()
  await message(ben.page, 'A reply').getByRole('button', { name: 'More' }).click()
  await ben.page.getByRole('menuitem', { name: 'Delete' }).click()
  await ben.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await olga.page.getByText('This message was deleted').waitFor()
})

await step('a single chat by the switcher, with an unread badge for the other', async () => {
  await olga.page.keyboard.press('Control+k')
  await olga.page.keyboard.type('Ben')
  await olga.page.getByRole('option', { name: /Ben Newcomer/ }).waitFor()
  await olga.page.keyboard.press('Enter')
  await olga.page.getByRole('heading', { name: 'Ben Newcomer', level: 1 }).waitFor()
  await say(olga.page, 'just us')
  const entry = ben.page.getByRole('navigation').getByRole('link', { name: /Olga Owner/ })
  await entry.locator('.badge').waitFor()
  await entry.click()
  await message(ben.page, 'just us').waitFor()
  await entry.locator('.badge').waitFor({ state: 'detached' })
})

await step('offline: three wait, and arrive in order once it is back', async () => {
  await olga.context.setOffline(true)
  for (const text of ['first of three', 'second of three', 'third of three']) await say(olga.page, text)
  await olga.page.getByText('Offline, 3 to send').waitFor()
  await olga.context.setOffline(false)
  await message(ben.page, 'third of three').waitFor({ timeout: 20_000 })
  const order = await ben.page.locator('.message-body', { hasText: 'of three' }).allTextContents()
  assert.deepEqual(order, ['first of three', 'second of three', 'third of three'])
  await olga.page.getByText(/to send/).waitFor({ state: 'detached' })
})

await step('a refused message can be edited and sent, or discarded', async () => {
  const refuse = async route => {
    if (route.request().method() !== 'POST') return route.fallback()
    const problem = { type: 'about:blank', title: 'No', status: 422, code: 'invalid', detail: 'not like that' }
    await route.fulfill({ status: 422, contentType: 'application/problem+json', body: JSON.stringify(problem) })
  }
  await olga.context.route('**/messages', refuse)
  await say(olga.page, 'refused one')
  await olga.page.getByText('Not sent: not like that').waitFor()
  await say(olga.page, 'refused two')
  await olga.page.getByText('Not sent: not like that').nth(1).waitFor()
  await olga.context.unroute('**/messages', refuse)
  await message(olga.page, 'refused two').getByRole('button', { name: 'Discard' }).click()
  await message(olga.page, 'refused one').getByRole('button', { name: 'Edit' }).click()
  await olga.page.getByLabel('Your message').fill('put better')
  await olga.page.locator('.refused').getByRole('button', { name: 'Send' }).click()
  await message(ben.page, 'put better').waitFor()
  assert.equal(await olga.page.getByText('refused').count(), 0)
})

await step('a token that has run out is renewed, and nobody notices', async () => {
  let refused = 0
  const expire = async route => {
    if (refused++ > 0) return route.fallback()
    await route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"code":"token_expired"}' })
  }
  await olga.context.route('**/messages', expire)
  const before = olga.page.refreshes
  await say(olga.page, 'with an old token')
  await message(ben.page, 'with an old token').waitFor()
  assert.equal(olga.page.refreshes, before + 1)
  await olga.context.unroute('**/messages', expire)
})

await step('notify_server gone and back: it is told, sending goes on, nothing is missed or doubled', async () => {
  wire.cut()
  await say(ben.page, 'said while nobody was told')
  await olga.page.getByText('Connecting').waitFor()
  assert.equal(await message(olga.page, 'said while nobody was told').count(), 0)
  await say(olga.page, 'I can still write')
  await olga.page.waitForTimeout(600)
  assert.equal(await message(olga.page, 'I can still write').count(), 1)
  wire.mend()
  await message(olga.page, 'said while nobody was told').waitFor({ timeout: 25_000 })
  await message(ben.page, 'I can still write').waitFor({ timeout: 25_000 })
  await olga.page.getByText('Connecting').waitFor({ state: 'detached' })
  for (const { page } of [olga, ben]) {
    const texts = await page.locator('.message-body').allTextContents()
    assert.deepEqual(texts.slice(-2), ['said while nobody was told', 'I can still write'])
  }
})

await step('a reset: a new snapshot, and the draft, what is read and what was missed are there', async () => {
  let resets = 0
  const spoil = async route => {
    if (route.request().method() !== 'GET' || resets++ > 0) return route.fallback()
    await route.continue({ headers: { ...(await route.request().allHeaders()), 'last-event-id': '9.9.9.9' } })
  }
  await olga.context.route('**/events', spoil)
  let synced = 0
  olga.page.on('request', request => {
    if (request.url().includes('/api/sync')) synced++
  })
  await box(olga.page).fill('not to be lost')
  wire.cut()
  await say(ben.page, 'before the reset')
  await ben.page.waitForTimeout(300)
  wire.mend()
  await message(olga.page, 'before the reset').waitFor({ timeout: 25_000 })
  assert.ok(synced >= 1, 'it took a snapshot')
  assert.equal(await box(olga.page).inputValue(), 'not to be lost')
  await olga.context.unroute('**/events', spoil)
  await box(olga.page).fill('')
  await say(ben.page, 'after the reset')
  await message(olga.page, 'after the reset').waitFor()
  const texts = await olga.page.locator('.message-body').allTextContents()
  assert.equal(new Set(texts).size, texts.length, 'nothing stands there twice')
})

let second
await step('a second tab shares the stream and the token', async () => {
  second = await tab(olga.context)
  await second.goto(olga.page.url())
  await message(second, 'just us').waitFor()
  await second.waitForTimeout(600)
  assert.equal(second.streams, 0, 'only the first tab holds a stream')
  assert.equal(second.refreshes, 0, 'the token came from the first tab')
  await say(ben.page, 'to both tabs')
  await message(second, 'to both tabs').waitFor()
  await message(olga.page, 'to both tabs').waitFor()
})

await step('when the first tab is closed, the second takes over and misses nothing', async () => {
  await olga.page.close()
  await say(ben.page, 'during the change')
  await message(second, 'during the change').waitFor()
  await say(ben.page, 'after the change')
  await message(second, 'after the change').waitFor()
  assert.equal(second.streams >= 1, true)
  olga.page = second
})

await step('a draft stays where it was written', async () => {
  await box(olga.page).fill('half a thought')
  await olga.page.getByRole('link', { name: /lobby/ }).click()
  await olga.page.getByRole('heading', { name: 'lobby', level: 1 }).waitFor()
  assert.equal(await box(olga.page).inputValue(), '')
  await olga.page.reload()
  await olga.page.getByRole('link', { name: /Ben Newcomer/ }).click()
  await olga.page.getByRole('heading', { name: 'Ben Newcomer', level: 1 }).waitFor()
  assert.equal(await box(olga.page).inputValue(), 'half a thought')
  await box(olga.page).fill('')
})

await step('a long channel: opens at the end, grows upwards without a jump, comes back', async () => {
  const page = olga.page
  await page.getByRole('link', { name: /lobby/ }).click()
  await page.getByRole('heading', { name: 'lobby', level: 1 }).waitFor()
  await page.evaluate(async () => {
    const id = location.pathname.split('/')[2]
    const { access_token } = await (
      await fetch('/api/refresh', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
    ).json()
    for (let from = 0; from < 500; from += 20) {
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          fetch(`/api/chat/${id}/messages`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${access_token}` },
            body: JSON.stringify({ body: `number ${from + i} ${'word '.repeat((from + i) % 60)}` }),
          }),
        ),
      )
    }
  })
  await page.reload()
  await page.locator('.message').first().waitFor()
  await page.waitForTimeout(500)
  const gap = () => page.locator('.scroller').evaluate(e => Math.round(e.scrollHeight - e.scrollTop - e.clientHeight))
  assert.ok((await gap()) <= 2, `begins at the end, not ${await gap()} px above it`)
  // Scroll up little by little; between two frames nothing may move by more than was scrolled.
  const jumps = await page.locator('.scroller').evaluate(async element => {
    const found = []
    const frame = () => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))
    for (let i = 0; i < 260; i++) {
      const top = element.getBoundingClientRect().top
      const rows = [...element.querySelectorAll('.message')]
      const row = rows.find(r => r.getBoundingClientRect().top > top + 200)
      const before = row?.getBoundingClientRect().top
      element.scrollTop -= 120
      await frame()
      if (row?.isConnected) {
        const moved = row.getBoundingClientRect().top - before
        // A step may be swallowed where a page is put in above; nothing may move otherwise.
        if (Math.abs(moved - 120) > 3 && Math.abs(moved) > 3 && element.scrollTop > 0)
          found.push([i, Math.round(moved)])
      }
    }
    return found
  })
  assert.ok(jumps.length === 0, `nothing jumps, but: ${JSON.stringify(jumps)}`)
  const drawn = await page.locator('.message').count()
  assert.ok(drawn < 80, `${drawn} rows are drawn`)
  await page.getByRole('button', { name: /To the newest/ }).click()
  await page.waitForTimeout(800)
  assert.ok((await gap()) <= 2, `back at the end, not ${await gap()} px above it`)
  // The second person, who has not read them, begins at the first unread.
  await ben.page.getByRole('link', { name: /lobby/ }).click()
  await ben.page.locator('.unread-line').waitFor()
  const y = await ben.page.locator('.unread-line').boundingBox()
  assert.ok(y && y.y > 0 && y.y < 500, 'the divider is in view')
})

await step('a link to a message leads there', async () => {
  const id = new URL(olga.page.url()).pathname.split('/')[2]
  await olga.page.goto(`${base}/c/${id}/120`)
  await olga.page.locator('.message[data-marked]').waitFor()
  const at = await olga.page.locator('.message[data-marked]').boundingBox()
  assert.ok(at && at.y > 50 && at.y < 700, 'in view')
})

await step('sign out, in every tab', async () => {
  const other = await tab(olga.context)
  await other.goto(base)
  await other.getByRole('heading', { name: 'Channels' }).waitFor()
  await olga.page.getByRole('button', { name: 'Olga Owner' }).click()
  await olga.page.getByRole('menuitem', { name: 'Sign out' }).click()
  await olga.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
  await other.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
})

await browser.close()
wire.server.close()
if (troubles.length > 0) console.log(troubles)
console.log(`${passed} passed, ${troubles.length} failed`)
process.exit(troubles.length > 0 ? 1 : 0)
