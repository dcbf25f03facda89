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

  await step('a token that has run out is renewed once for both tabs, and nobody notices', async () => {
    // Each tab in a chat of its own: a browser sends one message of a chat after the other.
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

  await step('when the first tab is closed, the second takes over and misses nothing', async () => {
    await olga.page.close()
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
