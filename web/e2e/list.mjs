// The list of chats: its sections, its order, and what it says of unread chats.
import assert from 'node:assert/strict'
import { two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'List')
  const { page } = ben
  const { parlor } = world
  const section = name => page.getByRole('navigation', { name: 'Chats' }).getByRole('region', { name })
  const namesIn = async name =>
    (await section(name).locator('.entry[href*="/c/"] .entry-title').allTextContents()).join(' ')
  const names = ['zebra', 'alpha', 'room 10', 'room 9', ...Array.from({ length: 22 }, (_, i) => `many ${i + 10}`)]

  await step('channels go by their names, whatever was active last', async () => {
    const call = async (path, body, token) => {
      const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
      const answer = await fetch(parlor.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
      assert.ok(answer.ok, `${path}: ${answer.status}`)
      return answer.json()
    }
    const { access_token } = await call('/api/signin', { email: olga.email, password: 'correct horse' })
    const [user] = await parlor.sql(
      'select u.id from users u join accounts a on a.id = u.account_id where a.email = $1',
      [ben.email],
    )
    for (const name of names)
      await call('/api/chat', { kind: 'private_channel', name, members: [user.id] }, access_token)
    await ben.entry('zebra').waitFor()
    await until('all are there', async () => (await page.locator('.entry[href*="/c/"]').count()) === names.length + 1)
    const sorted = [...names, 'lobby'].sort(new Intl.Collator('en', { numeric: true }).compare)
    assert.equal(await namesIn('Channels'), sorted.join(' '))
  })

  await step('what becomes unread is in a section of its own, and stays put under the pointer', async () => {
    await ben.open('many 12')
    await page.mouse.move(700, 300)
    await page.locator('.composer textarea').focus()
    const top = async name => (await ben.entry(name).boundingBox()).y
    await ben.entry('alpha').hover()
    const before = await top('alpha')
    await olga.open('room 9')
    await olga.say('news of room 9')
    await until('it is unread', async () => (await ben.unread('room 9')) === 1)
    assert.equal(await section('Unread').count(), 0)
    assert.equal(await top('alpha'), before)
    await page.mouse.move(700, 300)
    await section('Unread').waitFor()
    assert.equal(await namesIn('Unread'), 'room 9')
    // Who opens it finds it where it was, until the pointer leaves.
    await ben.entry('room 9').hover()
    const there = await top('room 9')
    await ben.open('room 9')
    await until('it is read', async () => (await ben.unread('room 9')) === 0)
    assert.equal(await top('room 9'), there)
    await page.mouse.move(700, 300)
    await page.locator('.composer textarea').focus()
    await section('Unread').waitFor({ state: 'detached' })
  })

  await step('a message to me is first, with a badge, and the title counts it', async () => {
    await olga.page.keyboard.press('Control+k')
    await olga.page.keyboard.type('Ben')
    await olga.page.getByRole('option', { name: /Ben Newcomer/ }).click()
    await olga.sees('Ben Newcomer')
    await olga.say('psst')
    await section('Unread').getByRole('link', { name: 'Olga Owner' }).locator('.badge').waitFor()
    await until('the title counts', async () => /^\(1\) /.test(await page.title()))
    const { y } = await ben.entry('Olga Owner').boundingBox()
    assert.ok(y < 200, 'it is in sight though the channels fill the list')
    await ben.audit('an unread direct message')
    await ben.open('Olga Owner')
    await ben.gets('psst')
    await until('the title is at rest', async () => !/^\(/.test(await page.title()))
  })

  await step('unread chats out of sight are told, and led to', async () => {
    await ben.open('alpha')
    await page.mouse.move(700, 300)
    const scroller = page.locator('.sidebar-scroll')
    await ben.entry('many 20').hover()
    // The pointer is in the list, so the row stays where it is, out of sight.
    await olga.open('zebra')
    await olga.say('at the end of the list')
    const pill = page.getByRole('button', { name: '1 unread below' })
    await pill.waitFor()
    // Text of another size brings the row into sight.
    await ben.audit('the list with a pill', page, { atUsualSizeAlone: true })
    await pill.click()
    await until('it is in sight', async () => {
      const row = await ben.entry('zebra').boundingBox()
      const list = await scroller.boundingBox()
      return row.y > list.y && row.y < list.y + list.height
    })
    await pill.waitFor({ state: 'detached' })
    await page.mouse.move(700, 300)
    await page.locator('.composer textarea').focus()
    await section('Unread').getByRole('link', { name: 'zebra' }).waitFor()
    await scroller.evaluate(e => e.scrollTo(0, e.scrollHeight))
    await page.getByRole('button', { name: '1 unread above' }).click()
    await until('it is in sight', async () => (await ben.entry('zebra').boundingBox()).y > 0)
  })

  await step('a section folds, and stays so', async () => {
    const fold = page.getByRole('button', { name: 'Channels', exact: true })
    await fold.click()
    await until('they are folded', async () => (await ben.entry('many 20').count()) === 0)
    await ben.entry('alpha').waitFor()
    await ben.audit('a folded section')
    await page.reload()
    await ben.entry('alpha').waitFor()
    assert.equal(await ben.entry('many 20').count(), 0, 'but the open chat is there')
    await fold.click()
    await ben.entry('many 20').waitFor()
  })
}
