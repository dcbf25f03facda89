// The client on a phone: one pane at a time, no horizontal scrolling, targets large enough to
// touch.
import assert from 'node:assert/strict'
import { Person, two } from './browser.mjs'
import { until } from './until.mjs'

const PHONE = { viewport: { width: 375, height: 720 }, hasTouch: true, isMobile: true }

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Phone')
  const phone = await Person.at(world, PHONE)
  const { page } = phone
  const fits = async () => {
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.equal(over, 0, 'nothing is wider than the screen')
  }

  await step('sign in, and the list is the whole screen', async () => {
    await page.goto(`${phone.base}/signin`)
    await page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await fits()
    await phone.audit('phone: sign in')
    await phone.signIn(olga.email)
    await phone.entry('lobby').waitFor()
    await fits()
    assert.equal(await phone.box().count(), 0)
    await phone.audit('phone: list')
  })

  await step('open a chat, read and write, and back to the list', async () => {
    await phone.open('lobby')
    await fits()
    assert.equal(await page.getByRole('navigation', { name: 'Chats' }).isVisible(), false)
    await phone.box().tap()
    await phone.box().fill('from my phone')
    await page.getByRole('button', { name: 'Send' }).tap()
    await ben.gets('from my phone')
    await ben.say('to your phone, with a `piece of code that is much too long for the width of a phone` in it')
    await phone.gets('to your phone')
    await fits()
    await phone.audit('phone: a channel')
    await page.getByRole('button', { name: 'Back to the list' }).tap()
    await phone.entry('lobby').waitFor()
  })

  await step('Enter begins a new line, as on every keyboard for thumbs', async () => {
    await phone.open('lobby')
    assert.equal(await phone.box().getAttribute('enterkeyhint'), 'enter')
    await phone.box().tap()
    await page.keyboard.type('one line')
    await page.keyboard.press('Enter')
    await page.keyboard.type('and another')
    assert.equal(await phone.box().inputValue(), 'one line\nand another')
    await page.getByRole('button', { name: 'Send' }).tap()
    await ben.gets('and another')
    await page.getByRole('button', { name: 'Back to the list' }).tap()
  })

  await step('what can be done to a message is found by thumb', async () => {
    await phone.open('lobby')
    await phone.message('from my phone').tap()
    const time = phone.message('from my phone').locator('time')
    await until('its time is shown', async () => (await time.evaluate(e => getComputedStyle(e).opacity)) === '1')
    await phone.message('from my phone').getByRole('button', { name: 'More' }).tap()
    await page.getByRole('menuitem', { name: 'Delete' }).tap()
    await phone.audit('phone: delete?')
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).tap()
    await ben.page.getByText('This message was deleted').waitFor()
  })

  await step('the list says so as well when there is no connection', async () => {
    await page.getByRole('button', { name: 'Back to the list' }).tap()
    await phone.entry('lobby').waitFor()
    await phone.context.setOffline(true)
    await page.getByText('Offline').waitFor()
    await fits()
    await phone.audit('phone: list, offline')
    await phone.context.setOffline(false)
    await page.getByText('Offline').waitFor({ state: 'detached' })
    await phone.open('lobby')
  })

  await step('members, new chat and settings fit as well', async () => {
    await page.getByRole('button', { name: /members/ }).tap()
    await page.getByRole('complementary', { name: 'Members' }).getByText('Ben Newcomer').waitFor()
    await fits()
    await phone.audit('phone: members')
    await page.getByRole('button', { name: 'Close members' }).tap()
    await page.getByRole('button', { name: 'Back to the list' }).tap()
    await page.getByRole('button', { name: 'New chat' }).tap()
    await page.getByRole('dialog', { name: 'New chat' }).waitFor()
    await fits()
    await phone.audit('phone: new chat')
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).tap()
    await page.getByRole('button', { name: 'Olga Owner' }).tap()
    await page.getByRole('menuitem', { name: 'Settings' }).tap()
    await page.getByRole('dialog', { name: 'Settings' }).waitFor()
    await fits()
    await phone.audit('phone: settings')
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).tap()
  })

  await step('so do the switcher, the channels and an invitation', async () => {
    const close = async () => {
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }
    await page.getByRole('button', { name: /^Go to/ }).tap()
    await page.getByRole('option', { name: /lobby/ }).waitFor()
    await fits()
    await phone.audit('phone: switcher')
    await close()
    await page.getByRole('button', { name: 'Browse channels' }).tap()
    await page.getByText('You have joined every channel').waitFor()
    await fits()
    await phone.audit('phone: browse')
    await close()
    await page.getByRole('button', { name: 'Invite people' }).tap()
    await page.getByRole('button', { name: 'Create link' }).tap()
    await page.getByLabel('Invitation link').waitFor()
    await fits()
    await phone.audit('phone: invitation link')
    await close()
  })

  await step('on the narrowest screen, or magnified four times, nothing is cut off', async () => {
    await page.setViewportSize({ width: 320, height: 512 })
    await fits()
    await phone.open('lobby')
    await fits()
    await phone.audit('phone: 320 pixels')
    await page.getByRole('button', { name: 'Back to the list' }).tap()
    await page.getByRole('button', { name: 'New chat' }).tap()
    await page.getByRole('dialog', { name: 'New chat' }).waitFor()
    await fits()
    const body = await page.locator('.dialog-body').evaluate(e => e.scrollWidth - e.clientWidth)
    assert.equal(body, 0)
  })
}
