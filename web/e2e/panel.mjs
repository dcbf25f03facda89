// The side panel: it is in the address, and back closes it.
import assert from 'node:assert/strict'
import { Person, two } from './browser.mjs'
import { until } from './until.mjs'

const PHONE = { viewport: { width: 375, height: 720 }, hasTouch: true, isMobile: true }

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Panel')
  const { page } = olga
  const panelOf = page => page.getByRole('complementary', { name: 'Members' })
  const button = page => page.getByRole('button', { name: /^\d+ members?$/ })
  const isOpen = async page => {
    await panelOf(page).getByText('Ben Newcomer').waitFor()
    assert.equal(new URL(page.url()).search, '?panel=members')
  }
  const isClosed = async page => {
    await panelOf(page).waitFor({ state: 'detached' })
    assert.equal(new URL(page.url()).search, '')
  }
  const chat = page.url()
  const entries = () => page.evaluate(() => history.length)
  const focused = (page, selector) =>
    until(`${selector} has the focus`, () => page.locator(`${selector}:focus`).count())

  await step('back closes it, forward opens it, and the chat stays', async () => {
    await olga.say('one message')
    await button(page).click()
    await isOpen(page)
    await page.goBack()
    await isClosed(page)
    await olga.gets('one message')
    await page.goForward()
    await isOpen(page)
    await page.goBack()
    await isClosed(page)
    assert.equal(page.url(), chat)
  })

  await step('a reload keeps it, and the button that closes it leaves no entry behind', async () => {
    await button(page).click()
    await isOpen(page)
    const before = await entries()
    await page.reload()
    await isOpen(page)
    await page.getByRole('button', { name: 'Close members' }).click()
    await isClosed(page)
    await button(page).click()
    await isOpen(page)
    await button(page).click()
    await isClosed(page)
    assert.equal(await entries(), before)
  })

  await step('a link opens it, from a message and as an address', async () => {
    await olga.createChannel('elsewhere')
    await olga.say(`look: ${chat}?panel=members`)
    await olga.message('look:').getByRole('link').click()
    await olga.sees('lobby')
    await isOpen(page)
    await page.getByRole('button', { name: 'Close members' }).click()
    await isClosed(page)
    await olga.sees('lobby')
    await ben.page.goto(`${chat}?panel=members`)
    await isOpen(ben.page)
    await ben.page.getByRole('button', { name: 'Close members' }).click()
    await isClosed(ben.page)
    await ben.sees('lobby')
  })

  await step('it stays while one goes to a message of the chat, and not in another chat', async () => {
    await button(page).click()
    await isOpen(page)
    // Two lines come before it: the channel was made, and Ben joined.
    await olga.say(`see ${chat}/3`)
    await olga.message('see http').getByRole('link').click()
    await page.waitForURL(`${chat}/3?panel=members`)
    await olga.message('one message').and(page.locator('[data-marked]')).waitFor()
    await panelOf(page).waitFor()
    await olga.open('elsewhere')
    assert.equal(await panelOf(page).count(), 0)
    await page.goBack()
    await olga.sees('lobby')
    await panelOf(page).getByText('Ben Newcomer').waitFor()
    await page.goBack()
    await isOpen(page)
    await page.goBack()
    await isClosed(page)
  })

  await step('the messages stay where they are when it opens and closes', async () => {
    for (let i = 0; i < 12; i++) await olga.say(Array.from({ length: 12 }, (_, line) => `${i}, ${line}`).join('\n'))
    await until('all is sent', async () => (await page.locator('.message[data-state]').count()) === 0)
    const top = () => page.locator('.scroller').evaluate(scroller => scroller.scrollTop)
    const end = await top()
    await page.locator('.scroller').hover()
    await page.mouse.wheel(0, -900)
    await until('it has scrolled', async () => (await top()) < end - 300)
    // Where a message in the middle is: one above it may wrap when there is less room.
    const middle = olga.message('8, 0')
    const place = async () => (await middle.boundingBox()).y
    let before = -1
    await until('it rests', async () => {
      const last = before
      before = await place()
      return before === last
    })
    assert.ok((await top()) > 0)
    const stays = what => until(what, async () => Math.abs((await place()) - before) <= 1)
    await button(page).click()
    await isOpen(page)
    await stays('it is where it was, with the panel')
    await page.goBack()
    await isClosed(page)
    await stays('it is where it was, without the panel')
  })

  await step('a panel that there is not is none', async () => {
    for (const search of ['?panel=nothing:at-all', '?panel=constructor', '?panel=__proto__:x', '?panel=%00%ff:']) {
      await page.goto(chat + search)
      await olga.sees('lobby')
      assert.equal(await page.locator('.panel-slot').count(), 0, search)
    }
    await page.goto(chat)
    await olga.sees('lobby')
  })

  await step('by keyboard: opened, gone to, and closed from inside', async () => {
    await button(page).focus()
    await page.keyboard.press('Enter')
    await isOpen(page)
    await focused(page, '.members-button')
    await page.keyboard.press('Shift+F6')
    await focused(page, '.composer textarea')
    await page.keyboard.press('F6')
    await until('the panel has the focus', () => page.locator('.panel:focus-within').count())
    await olga.audit('the panel')
    await page.goBack()
    await isClosed(page)
    await focused(page, '.members-button')
  })

  await step('in a window with less room it lies over the messages, which are out of reach', async () => {
    await page.setViewportSize({ width: 1000, height: 700 })
    await olga.box().waitFor()
    const chatWidth = async () => (await page.locator('.chat').boundingBox()).width
    const before = await chatWidth()
    await button(page).click()
    await isOpen(page)
    await focused(page, '.panel h1')
    assert.equal(await chatWidth(), before)
    await olga.audit('the panel over the messages')
    await page.keyboard.press('Escape')
    await isClosed(page)
    await focused(page, '.members-button')
    await button(page).click()
    await isOpen(page)
    await page.locator('.panel-scrim').click({ position: { x: 30, y: 300 } })
    await isClosed(page)
    await page.setViewportSize({ width: 1200, height: 760 })
  })

  await step('where there is no room for the rail, the menu of the workspace has it', async () => {
    await page.setViewportSize({ width: 880, height: 700 })
    assert.equal(await page.getByRole('navigation', { name: 'Places' }).count(), 0)
    await page.getByRole('button', { name: /^Panel / }).click()
    await olga.audit('the menu of the workspace, with the places')
    await page.getByRole('menuitem', { name: 'People', exact: true }).click()
    await page.getByRole('heading', { name: 'People', level: 1 }).waitFor()
    await page.getByText('Ben Newcomer').waitFor()
    await olga.audit('people')
    await page.setViewportSize({ width: 1200, height: 760 })
    await page.getByRole('navigation', { name: 'Places' }).getByRole('link', { name: 'Home' }).click()
    await olga.sees('lobby')
  })

  await step('on a phone it is a page, and back leads from it to the chat and from there to the list', async () => {
    const phone = await Person.at(world, PHONE)
    await phone.signIn(olga.email)
    await phone.open('lobby')
    await button(phone.page).tap()
    await isOpen(phone.page)
    await focused(phone.page, '.panel h1')
    const { x, width } = await phone.page.locator('.panel-slot').boundingBox()
    assert.deepEqual([x, width], [0, PHONE.viewport.width])
    assert.equal(
      await phone.page.locator('.layout-inner').evaluate(e => e.inert),
      true,
      'what is covered is out of reach',
    )
    await phone.audit('phone: the panel')
    await phone.page.goBack()
    await isClosed(phone.page)
    await focused(phone.page, '.members-button')
    await phone.box().waitFor()
    await phone.page.reload()
    await phone.sees('lobby')
    await phone.page.goto(`${chat}?panel=members`)
    await isOpen(phone.page)
    await phone.page.getByRole('button', { name: 'Close members' }).tap()
    await isClosed(phone.page)
    await phone.page.getByRole('button', { name: 'Back to the list' }).tap()
    await phone.entry('lobby').waitFor()
    await phone.leave()
  })
}
