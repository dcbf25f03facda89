// Several workspaces in one browser: the address says which one a tab is in.
import assert from 'node:assert/strict'
import { Person, two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'First')
  const nora = await Person.at(world)
  await nora.signUp(`Second ${world.stamp}`, 'Nora North')
  await nora.createChannel('annex')
  await nora.say('hello annex')
  const first = olga.page.url()
  const annex = nora.page.url()
  const workspaceOf = url => new URL(url).pathname.split('/')[2]
  const inWorkspace = (page, name) => page.getByRole('button', { name: `${name} ${world.stamp}` }).waitFor()
  let second

  await step('two tabs are in two workspaces, and stay there through a reload', async () => {
    await ben.page.goto(await nora.inviteLink())
    await ben.page.getByRole('button', { name: 'Join' }).click()
    await inWorkspace(ben.page, 'Second')
    await ben.joinChannel('annex')
    assert.equal(workspaceOf(ben.page.url()), workspaceOf(annex))
    second = await ben.tab()
    await second.goto(first)
    await inWorkspace(second, 'First')
    await olga.say('to the first')
    await ben.gets('to the first', second)
    await nora.say('to the second')
    await ben.gets('to the second')
    for (const page of [ben.page, second]) await page.reload()
    await ben.gets('to the first', second)
    await ben.gets('to the second')
    await ben.say('from the first', second)
    await ben.say('from the second')
    await olga.gets('from the first')
    await nora.gets('from the second')
  })

  await step('an access token that has run out is renewed for the workspace of the tab', async () => {
    let expired = 0
    const expire = async route => {
      if (route.request().method() !== 'POST' || expired === 0) return route.fallback()
      expired--
      await route.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"code":"token_expired"}' })
    }
    await ben.context.route('**/messages', expire)
    const before = ben.page.refreshes + second.refreshes
    expired = 1
    await ben.say('renewed in the first', second)
    await olga.gets('renewed in the first')
    expired = 1
    await ben.say('renewed in the second')
    await nora.gets('renewed in the second')
    assert.equal(ben.page.refreshes + second.refreshes, before + 2)
    await ben.context.unroute('**/messages', expire)
    assert.equal(await ben.message('renewed in the first').count(), 0)
  })

  await step('what is unread in the other workspace is shown on its tile, and in the menu', async () => {
    // A server that counts it says so in the list of workspaces.
    let counts = { unread: 3, mentions: 0 }
    const count = async route => {
      if (route.request().method() !== 'GET') return route.fallback()
      const answer = await route.fetch()
      const { items, ...rest } = await answer.json()
      const counted = items.map(item => (item.name.startsWith('First') ? { ...item, ...counts } : item))
      await route.fulfill({ response: answer, json: { ...rest, items: counted } })
    }
    await ben.context.route('**/api/workspaces', count)
    const { page } = ben
    await page.reload()
    const tile = page.getByRole('list', { name: 'Workspaces' }).getByRole('link', { name: `First ${world.stamp}` })
    await tile.locator('.unread-dot').waitFor()
    await page.getByRole('heading', { level: 1 }).first().waitFor()
    await ben.audit('a dot on a workspace')
    counts = { unread: 3, mentions: 2 }
    await until('the focus asks again', async () => {
      await page.evaluate(() => dispatchEvent(new Event('focus')))
      return (await tile.locator('.badge').count()) > 0
    })
    assert.match(await tile.locator('.badge').innerText(), /^2/)
    await ben.audit('a badge on a workspace')
    await page.getByRole('button', { name: `Second ${world.stamp}` }).click()
    await page
      .getByRole('menuitem', { name: `First ${world.stamp}` })
      .locator('.badge')
      .waitFor()
    await page.keyboard.press('Escape')
    await page.setViewportSize({ width: 880, height: 760 })
    await page.locator('.workspace-button .badge').waitFor()
    await ben.audit('a badge on the button of the workspace')
    await page.setViewportSize({ width: 1200, height: 760 })
    await ben.context.unroute('**/api/workspaces', count)
  })

  await step('a link to a chat of my other workspace opens there, and back leads back', async () => {
    await ben.say(`see ${annex}/2`, second)
    await ben.message('see http', second).getByRole('link').click()
    await second.waitForURL(`${annex}/2`)
    await ben.message('hello annex', second).and(second.locator('[data-marked]')).waitFor()
    await inWorkspace(second, 'Second')
    await second.goBack()
    await ben.gets('to the first', second)
    await inWorkspace(second, 'First')
  })

  await step('an address without a workspace leads to the right one, panel and message included', async () => {
    const short = url => url.replace(/\/w\/[^/]+/, '')
    for (const url of [first, annex]) {
      await second.goto(`${short(url)}/1?panel=members`)
      await second.waitForURL(`${url}/1?panel=members`)
      await second.getByRole('complementary', { name: 'Members' }).getByText('Ben Newcomer').waitFor()
    }
    await second.goto(ben.base)
    await until('the address says where one is', () => /\/w\/[^/]+\/c\//.test(second.url()))
  })

  await step('an address in a workspace that I am not in says so, and leads on', async () => {
    const { page } = olga
    await page.goto(annex)
    await page.getByRole('heading', { name: 'You are not in this workspace' }).waitFor()
    await olga.audit('not your workspace')
    await page.getByRole('link', { name: `Go to First ${world.stamp}` }).click()
    await olga.sees('lobby')
    await page.goto(`${olga.base}/w/acme`)
    await page.getByRole('heading', { name: 'You are not in this workspace' }).waitFor()
    await page.goto(first)
    await olga.sees('lobby')
  })

  await step('who signs in at an address is there afterwards', async () => {
    const other = await Person.at(world)
    for (const url of [annex, first]) {
      await other.page.goto(url)
      await other.page.getByLabel('E-mail').fill(ben.email)
      await other.page.getByLabel('Password', { exact: true }).fill('correct horse')
      await other.page.getByRole('button', { name: 'Sign in' }).click()
      await other.page.getByRole('heading', { name: url === annex ? 'annex' : 'lobby', level: 1 }).waitFor()
      assert.equal(other.page.url(), url)
      await other.page.getByRole('button', { name: 'Ben Newcomer' }).first().click()
      await other.page.getByRole('menuitem', { name: 'Sign out' }).click()
      await other.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    }
    await other.leave()
  })
}
