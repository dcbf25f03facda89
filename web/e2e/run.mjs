// People in real browsers against a real Parlor: `npm run e2e [name of a suite …]`, after `npm run build` and `cargo build`.
// Suites know nothing of one another: each has its own workspace and people. A step that fails ends its suite, not the others.
import { launch } from './browser.mjs'
import { TOKEN_SECONDS } from './expiry.mjs'
import { Parlor } from './parlor.mjs'

const SUITES = [
  'fold',
  'account',
  'talk',
  'chats',
  'tabs',
  'insecure',
  'outages',
  'long',
  'keyboard',
  'phone',
  'expiry',
]
/** More than this is a hang. */
const SUITE_MS = 10 * 60_000

const wanted = process.argv.slice(2)
const suites = await Promise.all(
  SUITES.filter(name => wanted.length === 0 || wanted.includes(name)).map(async name => ({
    name,
    ...(await import(`./${name}.mjs`)),
  })),
)
const parlor = await Parlor.start({
  secondTokenSeconds: wanted.length === 0 || wanted.includes('expiry') ? TOKEN_SECONDS : 0,
})
let browser
let passed = 0
let failed = 0
let stopping = false
const stop = async code => {
  if (stopping) return
  stopping = true
  await browser?.close().catch(() => undefined)
  await parlor.stop()
  process.exit(code)
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void stop(1))
process.on('uncaughtException', error => {
  console.error(error)
  void stop(1)
})

try {
  browser = await launch()
  const from = Date.now()
  const world = { parlor, browser, stamp: Date.now().toString(36), troubles: [], audited: new Set() }
  // What takes its time and nobody's attention begins first.
  for (const suite of suites) {
    // What everybody shares is in `world`; whose browsers are whose is not.
    suite.world = { ...world, stamp: `${world.stamp}${suite.name}`, contexts: [], troubles: [] }
    suite.begun = suite.begin?.(suite.world)
    suite.begun?.catch(() => undefined)
  }
  for (const suite of suites) await run(suite)
  console.log(`axe-core has looked at ${world.audited.size} screens`)
  console.log(`${passed} passed, ${failed} failed, in ${Math.round((Date.now() - from) / 1000)} s`)
} catch (error) {
  failed++
  console.error(error)
}
console.log(`${passed} passed, ${failed} failed`)
await stop(failed === 0 && passed > 0 ? 0 : 1)

async function run(suite) {
  const { world } = suite
  console.log(`\n== ${suite.name}`)
  let broken = false
  const step = async (name, work) => {
    if (broken) return
    const from = Date.now()
    try {
      await work()
      const troubles = world.troubles.splice(0)
      if (troubles.length > 0) throw new Error(`a page complains: ${troubles.join('\n')}`)
      passed++
      console.log(`ok ${name} (${Date.now() - from} ms)`)
    } catch (error) {
      failed++
      broken = true
      console.log(`FAILED ${suite.name}: ${name}`)
      console.log(error)
      await describe(world.contexts, world.troubles.splice(0))
    }
  }
  let late
  const hangs = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error('the suite did not end')), SUITE_MS)
  })
  try {
    await Promise.race([suite.steps(step, world, await suite.begun), hangs])
  } catch (error) {
    failed++
    console.log(`FAILED ${suite.name}`, error)
    await describe(world.contexts, world.troubles.splice(0))
  } finally {
    clearTimeout(late)
    for (const context of world.contexts) await context.close().catch(() => undefined)
  }
}

/** What there was to see when a step failed. */
async function describe(contexts, troubles) {
  if (troubles.length > 0) console.log('the pages said:', troubles)
  for (const context of contexts) {
    for (const page of context.pages()) {
      const seen = await page
        .locator('body')
        .ariaSnapshot({ timeout: 5000 })
        .catch(error => String(error))
      console.log(`-- ${page.url()}\n${seen.slice(0, 6000)}`)
      const folder = process.env.E2E_PICTURES
      const picture = `${folder}/${Date.now()}.png`
      if (folder)
        await page.screenshot({ path: picture }).then(
          () => console.log(picture),
          () => undefined,
        )
    }
  }
  console.log(parlor.log().slice(-3000))
}
