// Tokens that expire. It has to wait for that, so it begins before the other suites and is checked
// last.
import assert from 'node:assert/strict'
import { Person } from './browser.mjs'
import { until } from './until.mjs'

/** Longer than MARGIN_MS of the session, in which a page renews its token. */
export const TOKEN_SECONDS = 40

export async function begin(world) {
  const base = world.parlor.second
  const own = { ...world, stamp: `${world.stamp}x` }
  const page = await Person.at(own, { base })
  await page.signUp(`Expiry ${own.stamp}`, 'Eve Early')
  await page.createChannel('lasting')
  return Object.assign(page, { since: Date.now() })
}

export async function steps(step, world, eve) {
  await step('the program carries the client, under the same policy', async () => {
    const page = await fetch(eve.base)
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'; script-src 'self'/)
    const [, script] = /src="(\/assets\/[^"]+)"/.exec(await page.text())
    const asset = await fetch(eve.base + script)
    assert.match(asset.headers.get('content-type'), /javascript/)
    assert.match(asset.headers.get('cache-control'), /immutable/)
    const again = { headers: { 'if-none-match': asset.headers.get('etag') } }
    assert.equal((await fetch(eve.base + script, again)).status, 304)
    assert.equal((await fetch(`${eve.base}/assets/nope.js`)).status, 404)
  })

  await step('a page that stays open outlives its tokens, and its stream goes on', async () => {
    const { page } = eve
    const over = () => Date.now() > eve.since + TOKEN_SECONDS * 1000 && page.streams >= 2 && page.refreshes >= 1
    await until('a second stream with a second token', over, 300_000)
    await eve.say('with the second token')
    await until('it has settled', async () => (await page.locator('.message[data-state]').count()) === 0)
    const other = await Person.at({ ...world, stamp: `${world.stamp}y` }, { base: eve.base })
    await other.signIn(eve.email)
    await other.open('lasting')
    await other.say('from elsewhere')
    await eve.gets('from elsewhere')
    await page.getByText('Connecting').waitFor({ state: 'detached' })
  })
}
