// Several tabs of one browser: one stream, one token, one outbox.
import assert from 'node:assert/strict'
import { two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Tabs')
  let second

  await step('a second tab shares the stream and the token', async () => {
    await olga.say('before the second tab')
    second = await olga.tab()
    await second.goto(olga.page.url())
    await olga.gets('before the second tab', second)
    await ben.say('to both tabs')
    await olga.gets('to both tabs', second)
    await olga.gets('to both tabs')
    assert.equal(second.streams, 0, 'only the first tab holds a stream')
    assert.equal(second.refreshes, 0, 'the token came from the first tab')
  })

  await step('a single chat begins in one tab and is in the other', async () => {
    await olga.page.keyboard.press('Control+k')
    await olga.page.keyboard.type('Ben')
    await olga.page.getByRole('option', { name: /Ben Newcomer/ }).click()
    await olga.sees('Ben Newcomer')
    await olga.say('hello Ben')
    await second.getByRole('link', { name: 'Ben Newcomer' }).waitFor()
    await olga.open('lobby')
  })

  await step('what one tab sends, the other shows once', async () => {
    await olga.say('from the first tab')
    await olga.gets('from the first tab', second)
    await olga.say('from the second tab', second)
    await olga.gets('from the second tab')
    await ben.gets('from the second tab')
    for (const page of [olga.page, second, ben.page]) {
      for (const text of ['from the first tab', 'from the second tab']) {
        await until('once', async () => (await olga.message(text, page).count()) === 1)
      }
    }
  })

  await step('both tabs write one draft, and it is gone from both once it is sent', async () => {
    const inBox = (text, page) => until('the draft', async () => (await olga.box(page).inputValue()) === text)
    await olga.box().fill('typed in one')
    await inBox('typed in one', second)
    await olga.box(second).press('End')
    await olga.box(second).pressSequentially(', ended in two')
    await inBox('typed in one, ended in two', olga.page)
    await olga.box(second).press('Enter')
    await ben.gets('typed in one, ended in two')
    await inBox('', olga.page)
    await inBox('', second)
  })

  await step('a token that has run out is renewed once for both tabs, and nobody notices', async () => {
    // Each tab in its own chat: the messages of one chat are sent one after the other.
    await second.getByRole('link', { name: 'Ben Newcomer' }).click()
    await second.getByRole('heading', { name: 'Ben Newcomer', level: 1 }).waitFor()
    let waiting = []
    const expire = async route => {
      if (route.request().method() !== 'POST' || !waiting) return route.fallback()
      waiting.push(route)
      if (waiting.length < 2) return
      const both = waiting
      waiting = null
      const answer = { status: 401, contentType: 'application/problem+json', body: '{"code":"token_expired"}' }
      for (const each of both) await each.fulfill(answer)
    }
    await olga.context.route('**/messages', expire)
    const before = olga.page.refreshes + second.refreshes
    await Promise.all([olga.say('old token, first tab'), olga.say('old token, second tab', second)])
    await ben.gets('old token, first tab')
    await ben.open('Olga Owner')
    await ben.gets('old token, second tab')
    await ben.open('lobby')
    await second.goBack()
    await second.getByRole('heading', { name: 'lobby', level: 1 }).waitFor()
    assert.equal(olga.page.refreshes + second.refreshes, before + 1)
    await olga.context.unroute('**/messages', expire)
  })

  await step('the desktop tells of a message while no tab is looked at, once, and leads to it', async () => {
    await olga.context.grantPermissions(['notifications', 'clipboard-read', 'clipboard-write'])
    const look = (page, looking) =>
      page.evaluate(looking => {
        document.hasFocus = () => looking
        dispatchEvent(new Event(looking ? 'focus' : 'blur'))
      }, looking)
    for (const page of [olga.page, second]) {
      await page.evaluate(() => {
        const Real = Notification
        window.told = []
        window.Notification = class extends Real {
          constructor(title, options) {
            super(title, options)
            window.told.push({ title, ...options, note: this })
          }
        }
      })
    }
    const told = async () => {
      const each = page => page.evaluate(() => window.told.map(({ title, body }) => `${title}: ${body}`))
      return [...(await each(olga.page)), ...(await each(second))]
    }
    await olga.settings('Notifications')
    // Wait until the permission is granted.
    const choice = olga.page.getByLabel('Notify me about')
    await choice.selectOption('Direct messages and mentions')
    const kept = () => olga.page.evaluate(() => localStorage.getItem('parlor.notify'))
    await until('it is on', async () => (await kept()) === 'direct' && (await choice.inputValue()) === 'direct')
    await olga.page.getByRole('link', { name: 'Home' }).click()
    await olga.sees('lobby')
    await olga.page.evaluate(() => {
      window.marks = []
      navigator.setAppBadge = async count => window.marks.push(count)
      navigator.clearAppBadge = async () => window.marks.push(0)
    })
    const icon = () => olga.page.locator('link[rel="icon"]').getAttribute('href')
    const mark = () => olga.page.evaluate(() => window.marks.at(-1))
    await ben.open('Olga Owner')
    // The second tab does not hold the stream, but being active is enough.
    await look(olga.page, false)
    await look(second, true)
    await ben.say('you are looking')
    await olga.entry('Ben Newcomer').locator('.badge').waitFor()
    await look(second, false)
    await ben.say('look **here**')
    await until('the desktop tells', async () => (await told()).length > 0)
    assert.deepEqual(await told(), ['Ben Newcomer: look here'])
    await until('the title counts', async () => /^\(2\) /.test(await olga.page.title()))
    await until('the icon has a dot', async () => (await icon()) === '/icon-unread.svg')
    await until('the app has a count', async () => (await mark()) === 2)
    await ben.open('lobby')
    await ben.say('nobody is told of a channel')
    await until('it is unread', async () => (await olga.unread('lobby')) === 1)
    assert.match(await olga.page.title(), /^\(2\) /, 'the title counts what is for me')
    assert.equal((await told()).length, 1)
    await ben.say('unless @Olga Owner is called')
    await until('the desktop tells of that', async () => (await told()).length > 1)
    assert.deepEqual((await told())[1], 'Ben Newcomer in lobby: unless @Olga Owner is called')
    await olga.page.evaluate(() => window.told[0].note.onclick(new Event('click')))
    await olga.sees('Ben Newcomer')
    await look(olga.page, true)
    await olga.gets('look here')
    await until('read', async () => (await olga.entry('Ben Newcomer').locator('.badge').count()) === 0)
    await until('the dot is gone', async () => (await icon()) === '/icon.svg')
    assert.equal(await mark(), 0)
    await look(second, true)
    await olga.open('lobby')
  })

  await step('when the first tab dies, the second takes over and misses nothing', async () => {
    const died = olga.page.waitForEvent('crash')
    const session = await olga.context.newCDPSession(olga.page)
    void session.send('Page.crash').catch(() => undefined)
    await died
    await ben.say('during the change')
    await olga.gets('during the change', second)
    await ben.say('after the change')
    await olga.gets('after the change', second)
    assert.ok(second.streams >= 1)
    olga.page = second
    const texts = await olga.texts()
    assert.equal(new Set(texts).size, texts.length, 'nothing stands there twice')
  })
}
