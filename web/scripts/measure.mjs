// Measures size, speed and memory of the client on a Parlor that it starts: with 500 chats and more
// than 10,000 messages scrolled through, and with 2,000 chats among 10,000 users.
//   npm run build && cargo build && npm run measure
// Prints the table of README.md, "Measured". It has no limits to fail.
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { launch, Person } from '../e2e/browser.mjs'
import { Parlor } from '../e2e/parlor.mjs'
import { until } from '../e2e/until.mjs'

const CHATS = 500
const PER_CHAT = 700
/** More chats than have windows at the same time, with more than 10,000 messages in all. */
const VISITED = 18
const KEYS = 300
const MANY = { chats: 2000, people: 10_000 }

const parlor = await Parlor.start()
const browser = await launch()
try {
  const stamp = Date.now().toString(36)
  const world = { parlor, browser, stamp, contexts: [], pageErrors: [], audited: new Set() }
  const mia = await Person.at(world)
  await mia.signUp('Measured', 'Mia Measure')
  await mia.page.goto('about:blank')
  await fill(mia.email)
  await begin(mia, CHATS)
  await read(mia)
  await write(mia)
  await mia.leave()
  const max = await Person.at({ ...world, stamp: `${stamp}m` })
  await max.signUp('Many', 'Max Many')
  await max.page.goto('about:blank')
  await fillMany(max.email)
  await begin(max, MANY.chats)
  const session = await max.page.context().newCDPSession(max.page)
  console.log(`memory with a list of ${MANY.chats} chats among ${MANY.people} people: ${await memory(session)}`)
} finally {
  await browser.close()
  await parlor.stop()
}

/** Inserts channels, some of them with many messages. */
async function fill(email) {
  await parlor.sql(
    `with me as (select u.id, u.workspace_id from users u join accounts a on a.id = u.account_id where a.email = $4),
     made as (
       insert into chats (id, workspace_id, kind, name, name_folded, last_seq, last_root_no)
       select gen_random_uuid(), workspace_id, 'public_channel', 'channel ' || n, 'channel ' || n,
              case when n <= $3 then $2 else 0 end, case when n <= $3 then $2 else 0 end
       from me, generate_series(1, $1::int) n returning id, workspace_id, last_seq
     ), joined as (
       insert into chat_members (chat_id, user_id, workspace_id, role, read_seq)
       select m.id, me.id, m.workspace_id, 'owner', m.last_seq from made m, me returning chat_id, user_id
     )
     insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body, created_at)
     select gen_random_uuid(), c.workspace_id, c.id, n, n, j.user_id, 'number ' || n || repeat(' word', (n * 7) % 60),
            now() - make_interval(secs => ($2 - n) * 40)
     from made c join joined j on j.chat_id = c.id, generate_series(1, $2::int) n where c.last_seq > 0`,
    [CHATS, PER_CHAT, VISITED, email],
  )
}

/** Inserts as many chats as a user may be in, a quarter of them single chats. */
async function fillMany(email) {
  await parlor.sql(
    `with me as (select u.id, u.workspace_id from users u join accounts a on a.id = u.account_id where a.email = $3),
     people as (
       insert into users (id, workspace_id, fullname, fullname_folded, role)
       select gen_random_uuid(), workspace_id, 'Person Number' || n, 'person number' || n, 'member' from me, generate_series(1, $2::int) n
       returning id, workspace_id, substr(fullname, 14)::int as n
     ), made as (
       insert into chats (id, workspace_id, kind, name, name_folded, single_key)
       select gen_random_uuid(), p.workspace_id, case when n % 4 = 0 then 'single' else 'public_channel' end,
              case when n % 4 > 0 then 'channel ' || n end, case when n % 4 > 0 then 'channel ' || n end,
              case when n % 4 = 0 then 'measured ' || p.id end
       from people p where n <= $1 returning id, workspace_id, kind, single_key
     )
     insert into chat_members (chat_id, user_id, workspace_id, role)
     select m.id, me.id, m.workspace_id, case when m.kind = 'single' then 'member' else 'owner' end from made m, me
     union all
     select m.id, substr(m.single_key, 10)::uuid, m.workspace_id, 'member' from made m where m.kind = 'single'`,
    [MANY.chats, MANY.people, email],
  )
}

async function begin({ page, base }, chats) {
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
  console.log(`to a usable list, of ${chats} chats: ${cold} ms with an empty cache, ${warm} ms after that`)
  const from = Date.now()
  await until('all chats are there', async () => (await page.locator('.entry').count()) >= chats)
  console.log(`and all of them: ${Date.now() - from} ms later`)
}

async function read({ page }) {
  const session = await page.context().newCDPSession(page)
  const long = await parlor.sql('select id from chats where last_seq = $1', [PER_CHAT])
  console.log(`memory with the list: ${await memory(session)}`)
  for (const [index, { id }] of long.entries()) {
    await page.locator(`.entry[href$="/c/${id}"]`).click()
    await page.locator('.timeline[data-ready] .message').first().waitFor()
    await until('scrolled up', async () => {
      await page.locator('.scroller').evaluate(e => e.scrollTo({ top: 0 }))
      return (await page.locator('.beginning').count()) > 0
    })
    if ((index + 1) % 6 === 0) {
      const seen = (index + 1) * PER_CHAT
      const drawn = await page.evaluate(() => document.querySelectorAll('*').length)
      console.log(`memory after ${seen} messages scrolled through: ${await memory(session)}, ${drawn} elements`)
    }
  }
}

/** Types in a chat: first in silence, then while ten messages a second arrive. */
async function write(person) {
  const { page } = person
  await page.getByRole('button', { name: /Jump to latest/ }).click()
  await type(person, 'in silence')
  const [chat] = await parlor.sql('select id, workspace_id from chats where id = $1', [page.url().split('/c/')[1]])
  let come = true
  const coming = (async () => {
    for (let n = 1; come; n++) {
      await parlor.sql(
        `with c as (update chats set last_seq = last_seq + 1, last_root_no = last_root_no + 1 where id = $1 returning *)
         insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body)
         select gen_random_uuid(), c.workspace_id, c.id, c.last_seq, c.last_root_no, m.user_id, 'coming ' || $2::int
         from c join chat_members m on m.chat_id = c.id limit 1`,
        [chat.id, n],
      )
      await new Promise(resolve => setTimeout(resolve, 100))
    }
  })()
  await type(person, 'while ten messages a second come')
  come = false
  await coming
}

async function type({ page }, when) {
  const area = page.locator('.composer textarea')
  await area.fill('')
  await page.evaluate(() => {
    window.keys = []
    window.longest = 0
    let last = performance.now()
    window.frames = true
    const frame = now => {
      window.longest = Math.max(window.longest, now - last)
      last = now
      if (window.frames) requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
    // Until the frame after the key is drawn. The browser's event timing says seconds for a key
    // that changes nothing on the screen, such as a space at the end of a line.
    window.onKey = ({ timeStamp }) =>
      requestAnimationFrame(() => {
        const drawn = new MessageChannel()
        drawn.port1.onmessage = () => window.keys.push(performance.now() - timeStamp)
        drawn.port2.postMessage(null)
      })
    addEventListener('keydown', window.onKey, { capture: true })
  })
  await area.focus()
  for (let i = 0; i < KEYS; i++) {
    await page.keyboard.press(i % 6 === 5 ? 'Space' : 'a')
    await new Promise(resolve => setTimeout(resolve, 25))
  }
  const { keys, longest } = await page.evaluate(() => {
    window.frames = false
    removeEventListener('keydown', window.onKey, { capture: true })
    return { keys: window.keys, longest: window.longest }
  })
  const at = share => Math.round(keys.sort((a, b) => a - b)[Math.floor(keys.length * share)])
  console.log(
    `a key to the screen, ${when}: ${at(0.5)} ms in the middle, ${at(0.95)} ms at 95 %, ${at(0.99)} ms at 99 % of ${keys.length}; longest frame ${Math.round(longest)} ms`,
  )
}

async function memory(session) {
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = await session.send('Runtime.getHeapUsage')
  return `${(usedSize / 1e6).toFixed(1)} MB`
}

function kb(bytes) {
  return `${Math.round(bytes / 1000)} KB`
}
