// Measures the client on a weak device: slow 4G, a quarter of the processor, an empty cache, a channel
// of 5,000 messages. `PARLOR_CLIENT=folder` measures another build, to be compared in turn.
//   npm run build && cargo build && npm run measure:slow
import { launch, Person } from '../e2e/browser.mjs'
import { Parlor } from '../e2e/parlor.mjs'

const MESSAGES = 5000
const LOADS = 5
const KEYS = 200
/** As the browser's developer tools define it. */
const SLOW_4G = { offline: false, latency: 562.5, downloadThroughput: 180_000, uploadThroughput: 84_375 }
const SLOWER = 4

const parlor = await Parlor.start()
const browser = await launch()
try {
  const world = { parlor, browser, stamp: Date.now().toString(36), contexts: [], pageErrors: [], audited: new Set() }
  const mia = await Person.at(world)
  await mia.page.goto(`${mia.base}/signup`)
  await mia.page.getByLabel('Workspace').fill('Measured')
  await mia.fillIn('Mia Measure')
  await mia.page.locator('form button[type="submit"]').click()
  await mia.page.locator('.sidebar').waitFor()
  await fill(mia.email)
  let state = await mia.context.storageState()
  const [chat] = await parlor.sql('select id from chats where last_seq = $1', [MESSAGES])
  const loads = []
  let last
  for (let i = 0; i < LOADS; i++) {
    await last?.context.close()
    const context = await browser.newContext({ storageState: state, serviceWorkers: 'block' })
    const page = await context.newPage()
    const devtools = await context.newCDPSession(page)
    await devtools.send('Network.enable')
    await devtools.send('Network.emulateNetworkConditions', SLOW_4G)
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: SLOWER })
    await page.addInitScript(() => {
      window.seen = {}
      new PerformanceObserver(list => {
        window.seen.lcp = list.getEntries().at(-1).startTime
      }).observe({ type: 'largest-contentful-paint', buffered: true })
      const look = () => {
        if (document.querySelector('.entry')) window.seen.list ??= performance.now()
        if (document.querySelector('.timeline[data-ready] .message')) window.seen.messages ??= performance.now()
        if (!window.seen.messages) requestAnimationFrame(look)
      }
      requestAnimationFrame(look)
    })
    await page.goto(`${parlor.url}/c/${chat.id}`)
    await page.waitForFunction(() => window.seen.messages)
    await page.waitForTimeout(1500)
    loads.push(await page.evaluate(() => window.seen))
    // The next one is signed in with the new cookie, and has an empty cache.
    state = await context.storageState()
    last = { context, page }
  }
  for (const what of ['list', 'messages', 'lcp']) {
    const all = loads.map(load => Math.round(load[what])).sort((a, b) => a - b)
    console.log(`${what}: ${all[Math.floor(all.length / 2)]} ms in the middle of ${all.join(', ')}`)
  }
  await type(last.page)
} finally {
  await browser.close()
  await parlor.stop()
}

async function fill(email) {
  await parlor.sql(
    `with me as (select u.id, u.workspace_id from users u join accounts a on a.id = u.account_id where a.email = $2),
     made as (
       insert into chats (id, workspace_id, kind, name, name_folded, last_seq, last_root_no)
       select gen_random_uuid(), workspace_id, 'public_channel', 'long', 'long', $1, $1 from me
       returning id, workspace_id, last_seq
     ), joined as (
       insert into chat_members (chat_id, user_id, workspace_id, role, read_seq)
       select m.id, me.id, m.workspace_id, 'owner', m.last_seq from made m, me returning chat_id, user_id
     )
     insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body, created_at)
     select gen_random_uuid(), c.workspace_id, c.id, n, n, j.user_id, 'number ' || n || repeat(' word', (n * 7) % 60),
            now() - make_interval(secs => ($1 - n) * 40)
     from made c join joined j on j.chat_id = c.id, generate_series(1, $1::int) n`,
    [MESSAGES, email],
  )
}

/** Until the frame after each key is drawn. */
async function type(page) {
  const area = page.locator('.composer textarea')
  await area.focus()
  await page.evaluate(() => {
    window.keys = []
    addEventListener(
      'keydown',
      ({ timeStamp }) =>
        requestAnimationFrame(() => {
          const drawn = new MessageChannel()
          drawn.port1.onmessage = () => window.keys.push(performance.now() - timeStamp)
          drawn.port2.postMessage(null)
        }),
      { capture: true },
    )
  })
  for (let i = 0; i < KEYS; i++) {
    await page.keyboard.press(i % 6 === 5 ? 'Space' : 'a')
    await new Promise(resolve => setTimeout(resolve, 60))
  }
  const keys = (await page.evaluate(() => window.keys)).sort((a, b) => a - b)
  const at = share => Math.round(keys[Math.floor(keys.length * share)])
  console.log(
    `a key to the screen: ${at(0.5)} ms in the middle, ${at(0.95)} ms at 95 %, ${Math.round(keys.at(-1))} ms at most`,
  )
}
