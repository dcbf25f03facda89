// Pinned messages of a chat, and what one keeps for later: by mouse, keyboard, phone, and live.
import assert from 'node:assert/strict'
import { Person, two } from './browser.mjs'
import { until } from './until.mjs'

const PHONE = { viewport: { width: 375, height: 720 }, hasTouch: true, isMobile: true }

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Kept')
  const choose = async (person, text, action) => {
    await person.message(text).hover()
    await person.message(text).getByRole('button', { name: 'More' }).click()
    await person.page.getByRole('menuitem', { name: action }).click()
  }
  const panel = person => person.page.getByRole('complementary', { name: 'Pinned messages' })
  const pinsButton = person => person.page.getByRole('button', { name: 'Pinned messages', exact: true })

  await step('a message is pinned, says by whom, and stands in the panel', async () => {
    await olga.say('The plan is here')
    await olga.say('Another one')
    await ben.gets('Another one')
    await pinsButton(ben).click()
    await panel(ben).getByText('Nothing is pinned here').waitFor()
    await ben.audit('no pins')
    await choose(olga, 'The plan is here', 'Pin')
    await ben.message('The plan is here').getByText('Pinned by').waitFor()
    await panel(ben)
      .getByRole('link', { name: /The plan is here/ })
      .waitFor()
    await ben.audit('the panel with pins')
  })

  await step('the panel follows an edit, leads to the message, and unpins', async () => {
    await olga.box().fill('')
    await olga.message('Another one').hover()
    await choose(olga, 'Another one', 'Pin')
    await panel(ben).getByRole('listitem').nth(1).waitFor()
    await olga.box().press('ArrowUp')
    await olga.box().fill('The second plan')
    await olga.box().press('Enter')
    await panel(ben)
      .getByRole('link', { name: /The second plan/ })
      .click()
    await ben.message('The second plan').and(ben.page.locator('[data-marked]')).waitFor()
    assert.equal(new URL(ben.page.url()).search, '?panel=pins')
    await panel(ben)
      .getByRole('listitem')
      .filter({ hasText: 'The second plan' })
      .getByRole('button', { name: 'Unpin' })
      .click()
    await olga.message('The second plan').getByText('Pinned by').waitFor({ state: 'detached' })
    await until('one is left', async () => (await panel(ben).getByRole('listitem').count()) === 1)
    await ben.page.keyboard.press('Escape')
  })

  await step('by keyboard a message is pinned and saved', async () => {
    const row = ben.message('The second plan')
    await row.evaluate(element => element.focus({ focusVisible: true }))
    await ben.page.keyboard.press('p')
    await olga.message('The second plan').getByText('Pinned by').waitFor()
    await row.evaluate(element => element.focus({ focusVisible: true }))
    await ben.page.keyboard.press('s')
    await row.getByText('Saved for later').waitFor()
    assert.equal(await olga.message('The second plan').getByText('Saved for later').count(), 0)
  })

  await step('what was saved is in a place of its own, and leads back', async () => {
    await choose(ben, 'The plan is here', 'Save for later')
    await ben.message('The plan is here').getByText('Saved for later').waitFor()
    await ben.page.reload()
    await ben.message('The plan is here').getByText('Saved for later').waitFor()
    await ben.page.getByRole('navigation', { name: 'Places' }).getByRole('link', { name: 'Saved' }).click()
    const list = ben.page.locator('.card')
    await list.nth(1).waitFor()
    assert.match(await list.first().textContent(), /lobby.*The plan is here/s)
    await ben.audit('saved messages')
    await choose(olga, 'The second plan', 'Delete')
    await olga.page
      .getByRole('alertdialog')
      .or(olga.page.getByRole('dialog'))
      .getByRole('button', { name: 'Delete' })
      .click()
    await ben.page.getByText('This message is no longer available.').waitFor()
    await list.nth(1).getByRole('button', { name: 'Remove from saved' }).click()
    await until('one is left', async () => (await list.count()) === 1)
    await list.getByRole('link', { name: /The plan is here/ }).click()
    await ben.message('The plan is here').and(ben.page.locator('[data-marked]')).waitFor()
  })

  await step('on a phone it has a tab, and another device follows', async () => {
    const phone = await Person.at(world, PHONE)
    await phone.signIn(ben.email)
    await phone.page.getByRole('link', { name: 'Saved' }).tap()
    await phone.page.getByRole('link', { name: /The plan is here/ }).waitFor()
    await phone.audit('phone: saved messages')
    await choose(ben, 'The plan is here', 'Remove from saved')
    await phone.page.getByText('Nothing is saved yet').waitFor()
    await phone.page.goBack()
    await phone.open('lobby')
    await pinsButton(phone).tap()
    await panel(phone)
      .getByRole('link', { name: /The plan is here/ })
      .waitFor()
    await phone.audit('phone: pins')
    await panel(phone)
      .getByRole('link', { name: /The plan is here/ })
      .tap()
    await phone.message('The plan is here').waitFor()
    await phone.leave()
  })
}
