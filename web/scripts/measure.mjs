// How quick and how heavy the client is, with 500 chats and 10,000 messages on hand, on a Parlor that it starts itself:
//   npm run build && cargo build && npm run measure
// Prints what is in README.md under "Measured". Nothing fails by being slow.
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { launch, Person } from '../e2e/browser.mjs'
import { Parlor } from '../e2e/parlor.mjs'
import { until } from '../e2e/until.mjs'

const CHATS = 500
const PER_CHAT = 700
/** As many chats as have windows at once, times what a window holds: well above 10,000 messages scrolled through. */
const VISITED = 18
const KEYS = 300

const parlor = await Parlor.start()
const browser = await launch()
try {
  const world = { parlor, browser, stamp: Date.now().toString(36), contexts: [], troubles: [], audited: new Set() }
  const person = await Person.at(world)
  await person.signUp('Measured', 'Mia Measure')
  await person.page.goto('about:blank')
  await fill()
  await first(person)
  await heavy(person)
} finally {
  await browser.close()
  await parlor.stop()
}

async function fill() {
  await parlor.sql(
    `with made as (
       insert into chats (id, workspace_id, kind, name, last_seq)
       select gen_random_uuid(), u.workspace_id, 'public_channel', 'channel ' || n, $2
       from users u, generate_series(1, $1::int) n returning id, workspace_id
     ), joined as (
       insert into chat_members (chat_id, user_id, workspace_id, role, read_seq)
       select c.id, u.id, c.workspace_id, 'owner', $2 from made c, users u returning chat_id, user_id
     )
     insert into messages (id, workspace_id, chat_id, seq, sender_id, body, created_at)
     select gen_random_uuid(), c.workspace_id, c.id, n, j.user_id, 'number ' || n || repeat(' word', (n * 7) % 60),
            now() - make_interval(secs => ($2 - n) * 40)
     from (select * from made limit ${VISITED}) c join joined j on j.chat_id = c.id, generate_series(1, $2::int) n`,
    [CHATS, PER_CHAT],
  )
}

async function first({ page, base }) {
  const assets = resolve(import.meta.dirname, '../dist/assets')
  const sizes = new Map(
    readdirSync(assets).map(name => {
      const bytes = readFileSync(join(assets, name))
      return [name, /\.(js|css)$/.test(name) ? gzipSync(bytes).length : bytes.length]
    }),
  )
  const loaded = new Set()
  page.on('response', response => loaded.add(new URL(response.url()).pathname.split('/').at(-1)))
  const usable = async () => {
    await page.goto(base)
    const from = await page.evaluate(() => performance.timeOrigin)
    await page.locator('.entry').first().waitFor()
    return await page.evaluate(from => Math.round(Date.now() - from), from)
  }
  const cold = await usable()
  await page.locator('.timeline[data-ready]').waitFor()
  const sum = pattern =>
    [...loaded].filter(name => pattern.test(name)).reduce((all, name) => all + (sizes.get(name) ?? 0), 0)
  console.log(`first load, gzipped: ${kb(sum(/\.(js|css)$/))} of scripts and styles, ${kb(sum(/\.woff2$/))} of fonts`)
  const warm = [await usable(), await usable(), await usable()].sort((a, b) => a - b)[1]
  console.log(`to a usable list of ${CHATS} chats: ${cold} ms with an empty cache, ${warm} ms after that`)
}

async function heavy(person) {
  const { page } = person
  const session = await page.context().newCDPSession(page)
  const memory = async () => {
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    return usedSize
  }
  await until('all chats are there', async () => (await page.locator('.entry').count()) >= CHATS)
  const ids = await page.locator('.entry').evaluateAll(all => all.map(a => a.getAttribute('href')))
  const long = []
  for (const href of ids) {
    const [{ count }] = await parlor.sql('select count(*)::int from messages where chat_id = $1', [href.split('/')[2]])
    if (count > 0) long.push(href)
  }
  console.log(`memory with the list: ${mb(await memory())}`)
  let seen = 0
  for (const [index, href] of long.entries()) {
    await page.locator(`.entry[href="${href}"]`).click()
    await page.locator('.timeline[data-ready] .message').first().waitFor()
    await until('scrolled up', async () => {
      await page.locator('.scroller').evaluate(e => e.scrollTo({ top: 0 }))
      return (await page.locator('.beginning').count()) > 0
    })
    seen += PER_CHAT
    if ((index + 1) % 6 === 0) console.log(`memory after ${seen} messages scrolled through: ${mb(await memory())}`)
  }
  const latencies = await page.evaluate(async keys => {
    const area = document.querySelector('.composer textarea')
    area.focus()
    const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set
    const times = []
    for (let i = 0; i < keys; i++) {
      const from = performance.now()
      set.call(area, `${area.value}${i % 6 === 5 ? ' ' : 'a'}`)
      area.dispatchEvent(new Event('input', { bubbles: true }))
      // Until what was typed is laid out.
      area.getBoundingClientRect()
      times.push(performance.now() - from)
      await new Promise(resolve => requestAnimationFrame(resolve))
    }
    return times.sort((a, b) => a - b)
  }, KEYS)
  const at = share => latencies[Math.floor(latencies.length * share)].toFixed(1)
  console.log(`a key, to its layout: ${at(0.5)} ms in the middle, ${at(0.95)} ms at 95 %, ${at(0.99)} ms at 99 %`)
}

function kb(bytes) {
  return `${Math.round(bytes / 1000)} KB`
}
function mb(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
