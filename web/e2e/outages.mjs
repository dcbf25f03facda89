// Outages of the network, the page, notify_server and Postgres: no message is lost or shown twice,
// and the connection line shows the state.
import assert from 'node:assert/strict'
import { Person, two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { parlor } = world
  const { olga, ben } = await two(world, 'Outages')
  const last = async (person, texts) => {
    const seen = async () => (await person.texts()).slice(-texts.length)
    const same = async () => JSON.stringify(await seen()) === JSON.stringify(texts)
    await until(`${person.name} sees ${texts.join(', ')}`, same).catch(async error => {
      assert.deepEqual(await seen(), texts, error.message)
    })
  }

  await step('offline: three wait, and arrive in order once it is back', async () => {
    const texts = ['first of three', 'second of three', 'third of three']
    await olga.context.setOffline(true)
    for (const text of texts) await olga.say(text)
    await olga.page.getByText('Offline, 3 to send').waitFor()
    await olga.audit('offline')
    await olga.context.setOffline(false)
    await last(ben, texts)
    await olga.page.getByText(/to send/).waitFor({ state: 'detached' })
    await last(olga, texts)
  })

  await step('an edit without a connection is told in words, and stays in the box', async () => {
    await olga.context.setOffline(true)
    await olga.box().press('ArrowUp')
    await olga.box().fill('third of four')
    await olga.box().press('Enter')
    await olga.page.getByText('Parlor cannot be reached. Check your connection.').waitFor()
    assert.equal(await olga.box().inputValue(), 'third of four')
    await olga.box().press('Escape')
    await olga.context.setOffline(false)
    await olga.page.getByText('Offline').waitFor({ state: 'detached' })
  })

  await step('what could not be sent survives a reload, and goes out by itself', async () => {
    const refuse = route => (route.request().method() === 'POST' ? route.abort('connectionrefused') : route.fallback())
    await olga.context.route('**/messages', refuse)
    await olga.say('written before the reload')
    await olga.page.getByText(/1 to send/).waitFor()
    await olga.page.reload()
    await olga.gets('written before the reload')
    await olga.context.unroute('**/messages', refuse)
    await ben.gets('written before the reload')
    await last(olga, ['third of three', 'written before the reload'])
  })

  await step('notify_server killed and back: it is told, sending goes on, nothing is missed or doubled', async () => {
    await parlor.killNotify()
    await olga.page.getByText('Connecting').waitFor()
    await ben.say('said while nobody was told')
    await ben.gets('said while nobody was told')
    await olga.say('I can still write')
    await until('the answer has come', async () => (await olga.message('I can still write').count()) === 1)
    assert.equal(await olga.message('said while nobody was told').count(), 0)
    await olga.audit('connecting')
    await parlor.startNotify()
    await olga.gets('said while nobody was told')
    await ben.gets('I can still write')
    await olga.page.getByText('Connecting').waitFor({ state: 'detached' })
    await last(olga, ['said while nobody was told', 'I can still write'])
    await last(ben, ['said while nobody was told', 'I can still write'])
  })

  await step('Postgres restarted: what is written meanwhile arrives, in order and once', async () => {
    const restarted = parlor.restartPostgres()
    await olga.say('while Postgres restarts')
    await olga.say('and right after')
    await restarted
    await ben.gets('and right after')
    await ben.say('we are back')
    for (const person of [olga, ben]) {
      await last(person, ['while Postgres restarts', 'and right after', 'we are back'])
      await person.page.getByText(/Connecting|to send/).waitFor({ state: 'detached' })
    }
  })

  await step('a part of the client that cannot be fetched is told, once it is not helped by a new page', async () => {
    const late = await Person.at(world)
    await late.context.route('**/assets/ChatPane-*.js', route => route.abort('connectionreset'))
    await late.signIn(olga.email)
    await late.page.goto(olga.page.url())
    await late.page.getByText('This could not be shown').waitFor()
    await late.audit('a part that is missing')
    assert.match(world.pageErrors.splice(0).join(), /dynamically imported module/)
    await late.context.unroute('**/assets/ChatPane-*.js')
    await late.page.getByRole('button', { name: 'Reload' }).click()
    await late.gets('we are back')
    await late.leave()
  })

  await step('a dialog that is still on its way has the keys already, and leads back to where one was', async () => {
    const { page } = olga
    let letThrough
    const gate = new Promise(resolve => {
      letThrough = resolve
    })
    const late = async route => {
      await gate
      await route.fallback()
    }
    await olga.context.route('**/assets/Overlays-*.js', late)
    await page.reload()
    await olga.box().waitFor()
    await olga.box().focus()
    await page.keyboard.press('Control+k')
    await page.locator('.dialog-waiting').waitFor()
    await page.keyboard.type('nobody is to read this')
    await page.keyboard.press('Enter')
    letThrough()
    await page.getByRole('combobox').waitFor()
    await olga.context.unroute('**/assets/Overlays-*.js', late)
    assert.equal(await olga.message('nobody is to read this').count(), 0)
    assert.equal(await olga.box().inputValue(), '')
    await page.keyboard.press('Escape')
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'TEXTAREA')
  })

  await step('a reset: a new snapshot, and the draft, what is read and what was missed are there', async () => {
    let synced = false
    olga.page.on('request', request => {
      synced ||= request.url().includes('/api/sync')
    })
    const spoil = async route => {
      if (route.request().method() !== 'GET' || synced) return route.fallback()
      await route.continue({ headers: { ...(await route.request().allHeaders()), 'last-event-id': '9.9.9.9' } })
    }
    await olga.context.route('**/events', spoil)
    await olga.box().fill('not to be lost')
    await parlor.killNotify()
    await olga.page.getByText('Connecting').waitFor()
    await ben.say('before the reset')
    await ben.gets('before the reset')
    await parlor.startNotify()
    await until('it takes a snapshot', () => synced)
    await olga.gets('before the reset')
    assert.equal(await olga.box().inputValue(), 'not to be lost')
    await olga.context.unroute('**/events', spoil)
    await olga.box().fill('')
    await ben.say('after the reset')
    await last(olga, ['we are back', 'before the reset', 'after the reset'])
  })
}
