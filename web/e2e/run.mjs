// Browser tests against a real Parlor: `npm run e2e [name of a suite …]`, after `npm run build` and
// `cargo build`. Each suite has its own workspace and users. A failed step ends its suite only.
import { launch } from './browser.mjs'
import { TOKEN_SECONDS } from './expiry.mjs'
import { Parlor } from './parlor.mjs'

const SUITES = [
  'fold',
  'account',
  'talk',
  'reactions',
  'threads',
  'kept',
  'writing',
  'reading',
  'chats',
  'list',
  'rooms',
  'panel',
  'tabs',
  'workspaces',
  'insecure',
  'outages',
  'storage',
  'long',
  'keyboard',
  'phone',
  'expiry',
  'app',
]
/** The timeout of a suite. */
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
  const world = {
    parlor,
    browser,
    stamp: Date.now().toString(36),
    pageErrors: [],
    audited: new Set(),
    seenLarge: new Set(),
  }
  // Suites with a long wait begin it before the others run.
  for (const suite of suites) {
    // `world` is shared, but each suite has its own browser contexts and page errors.
    suite.world = { ...world, stamp: `${world.stamp}${suite.name}`, contexts: [], pageErrors: [] }
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
      const pageErrors = world.pageErrors.splice(0)
      if (pageErrors.length > 0) throw new Error(`a page complains: ${pageErrors.join('\n')}`)
      passed++
      console.log(`ok ${name} (${Date.now() - from} ms)`)
    } catch (error) {
      failed++
      broken = true
      console.log(`FAILED ${suite.name}: ${name}`)
      console.log(error)
      await describe(world.contexts, world.pageErrors.splice(0))
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
    await describe(world.contexts, world.pageErrors.splice(0))
  } finally {
    clearTimeout(late)
    for (const context of world.contexts) await context.close().catch(() => undefined)
  }
}

/** Prints what was on the screen when a step failed. */
async function describe(contexts, pageErrors) {
  if (pageErrors.length > 0) console.log('the pages said:', pageErrors)
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
