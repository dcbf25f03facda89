// The channel that a workspace begins with, and what happens in a chat told there.
import assert from 'node:assert/strict'
import { Person } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const stamped = name => ({ ...world, stamp: `${world.stamp}${name}` })
  const olga = await Person.at(world)
  const { page } = olga
  // Without the marks that keep names apart from the text around them, and without the time.
  const lines = async who => {
    const all = await who.page.locator('.system-line > span').allTextContents()
    return all.map(line => line.replace(/[\u2068\u2069]/g, ''))
  }
  const tells = (who, line) => until(`the line "${line}"`, async () => (await lines(who)).includes(line))
  const saveDialog = () => page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  const openRename = async () => {
    await page.getByRole('button', { name: 'More about this chat' }).click()
    await page.getByRole('menuitem', { name: 'Rename' }).click()
    await page.getByRole('dialog').waitFor()
  }
  let ben
  let cara

  await step('a new workspace has #general, which says who made it', async () => {
    await olga.signUp(`Rooms ${world.stamp}`, 'Olga Owner', { keepGeneral: true })
    await olga.open('general')
    await tells(olga, 'Olga Owner created the channel')
    await olga.audit('a channel with a system line')
  })

  await step('those who join the workspace are in it, and are one line without a badge', async () => {
    const link = await olga.inviteLink()
    await olga.createChannel('aside')
    ben = await Person.at(world)
    await ben.join(link, 'Ben Newcomer')
    cara = await Person.at(stamped('c'))
    await cara.join(link, 'Cara Third')
    await ben.open('general')
    await tells(ben, 'Ben Newcomer and Cara Third joined')
    assert.equal(await ben.entry('general').locator('.badge').count(), 0)
    assert.equal(await olga.entry('general').locator('.badge').count(), 0)
    await olga.open('general')
    await tells(olga, 'Ben Newcomer and Cara Third joined')
    assert.equal(await page.locator('.unread-line').count(), 0)
    assert.deepEqual(await lines(ben), ['Olga Owner created the channel', 'Ben Newcomer and Cara Third joined'])
  })

  await step('a screen reader is told of who joins while one is there', async () => {
    const dan = await Person.at(stamped('d'))
    await dan.join(await olga.inviteLink(), 'Dan Fourth')
    await page
      .getByRole('status', { name: 'What was said just now' })
      .getByText('Dan Fourth')
      .waitFor({ state: 'attached' })
    await tells(olga, 'Ben Newcomer, Cara Third, and Dan Fourth joined')
    await dan.leave()
  })

  await step('nothing can be done to a line, and the keyboard passes it by', async () => {
    await olga.say('hello all')
    await ben.gets('hello all')
    const line = page.locator('.system-line').first()
    await line.hover()
    assert.equal(await page.locator('.system-line').getByRole('button').count(), 0)
    await page.getByRole('log').focus()
    await page.keyboard.press('ArrowUp')
    await page.locator('.message:focus', { hasText: 'hello all' }).waitFor()
    await page.keyboard.press('ArrowUp')
    await page.locator('.message:focus', { hasText: 'hello all' }).waitFor()
    // The last message of one's own is what one wrote, and not a line.
    await openRename()
    await page.getByRole('dialog').getByLabel('Name', { exact: true }).fill('town hall')
    await saveDialog()
    await tells(ben, 'Olga Owner changed the name from general to town hall')
    await olga.box().focus()
    await page.keyboard.press('ArrowUp')
    await until('the message is edited', async () => (await olga.box().inputValue()) === 'hello all')
    await page.keyboard.press('Escape')
  })

  await step('an owner of the workspace says who joins a channel by themselves', async () => {
    await openRename()
    const box = page.getByRole('dialog').getByRole('checkbox', { name: 'New people join automatically' })
    assert.equal(await box.isChecked(), true)
    await olga.audit('a channel is changed')
    await box.uncheck()
    await saveDialog()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await openRename()
    assert.equal(await box.isChecked(), false)
    await page.keyboard.press('Escape')
    const emil = await Person.at(stamped('e'))
    await emil.join(await olga.inviteLink(), 'Emil Fifth')
    await emil.page.getByRole('heading', { name: 'Channels', exact: true }).waitFor()
    assert.equal(await emil.entry('town hall').count(), 0)
    await emil.joinChannel('town hall')
    await tells(olga, 'Emil Fifth joined')
  })

  await step('who owns a channel and not the workspace is not offered it', async () => {
    await ben.createChannel('bens')
    await ben.page.getByRole('button', { name: 'More about this chat' }).click()
    await ben.page.getByRole('menuitem', { name: 'Rename' }).click()
    await ben.page.getByRole('dialog').getByLabel('Name', { exact: true }).waitFor()
    assert.equal(await ben.page.getByRole('dialog').getByRole('checkbox').count(), 0)
    await ben.page.keyboard.press('Escape')
  })

  await step('joining, leaving and owning are told to those who are there', async () => {
    await cara.joinChannel('bens')
    await ben.page.getByRole('button', { name: /^\d+ members$/ }).click()
    await ben.page.getByRole('button', { name: 'Make Cara Third the owner' }).click()
    await ben.page.getByRole('dialog').getByRole('button', { name: 'Transfer ownership' }).click()
    await tells(cara, 'Ben Newcomer made Cara Third the owner')
    await ben.page.getByRole('button', { name: 'More about this chat' }).click()
    await ben.page.getByRole('menuitem', { name: 'Leave' }).click()
    await ben.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click()
    await tells(cara, 'Ben Newcomer left')
    assert.deepEqual(await lines(cara), [
      'Ben Newcomer created the channel',
      'Cara Third joined',
      'Ben Newcomer made Cara Third the owner',
      'Ben Newcomer left',
    ])
  })
}
