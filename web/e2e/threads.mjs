// Threads: replied in beside the main line, read, followed, sent to the chat as well, by keyboard and on a
// phone.
import assert from 'node:assert/strict'
import { two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Sidetalk')
  const panel = person => person.page.getByRole('complementary', { name: 'Thread' })
  const box = person => panel(person).getByRole('textbox')
  const summary = (person, text) =>
    person
      .message(text)
      .getByRole('button', { name: /repl(y|ies)/ })
      .last()
  const reply = async (person, text) => {
    await box(person).fill(text)
    await box(person).press('Enter')
    await panel(person).locator('.message', { hasText: text }).waitFor()
  }
  const openByBar = async (person, text) => {
    await person.message(text).hover()
    await person.message(text).getByRole('button', { name: 'Reply in thread' }).click()
    await panel(person).waitFor()
  }
  const badge = person => person.page.getByRole('navigation', { name: 'Places' }).getByText(/with new replies/)

  await step('a reply stands in its thread, and its root says so', async () => {
    await olga.say('Lunch at noon?')
    await ben.gets('Lunch at noon?')
    await openByBar(ben, 'Lunch at noon?')
    await panel(ben).locator('.thread-beginning', { hasText: 'Lunch at noon?' }).waitFor()
    await reply(ben, 'Yes, at the corner')
    assert.match(ben.page.url(), /panel=thread/)
    await summary(olga, 'Lunch at noon?').waitFor()
    assert.match(await summary(olga, 'Lunch at noon?').textContent(), /1 reply.*1 new/)
    assert.equal(await olga.page.locator('main .message', { hasText: 'Yes, at the corner' }).count(), 0)
    await badge(olga).waitFor()
    await ben.audit('a thread')
    await olga.audit('a message with a thread')
  })

  await step('who opens it has read it, on all devices', async () => {
    await summary(olga, 'Lunch at noon?').click()
    await panel(olga).locator('.message', { hasText: 'Yes, at the corner' }).waitFor()
    await badge(olga).waitFor({ state: 'detached' })
    await until('read', async () => !/new/.test(await summary(olga, 'Lunch at noon?').textContent()))
    await olga.page.reload()
    await panel(olga).locator('.message', { hasText: 'Yes, at the corner' }).waitFor()
    assert.equal(await badge(olga).count(), 0)
  })

  await step('both write, and it goes on while they read', async () => {
    await reply(olga, 'I will come by bike')
    await panel(ben).locator('.message', { hasText: 'I will come by bike' }).waitFor()
    await until('two', async () => /2 replies/.test(await summary(ben, 'Lunch at noon?').textContent()))
    await box(ben).fill('')
    await box(ben).press('ArrowUp')
    await until('the edit', async () => (await box(ben).inputValue()) === 'Yes, at the corner')
    await box(ben).fill('Yes, at the market')
    await box(ben).press('Enter')
    await panel(olga).locator('.message', { hasText: 'Yes, at the market' }).waitFor()
  })

  await step('a reply can be sent to the chat as well, and leads back', async () => {
    await panel(olga).getByRole('checkbox', { name: 'Also send to the chat' }).check()
    await reply(olga, 'Table for six is booked')
    assert.equal(await panel(olga).getByRole('checkbox').isChecked(), false)
    const shown = ben.page.locator('main .message', { hasText: 'Table for six is booked' })
    await shown.waitFor()
    await panel(ben).getByRole('button', { name: 'Close the thread' }).click()
    await panel(ben).waitFor({ state: 'detached' })
    await shown.getByRole('button', { name: /In a thread about/ }).click()
    await panel(ben).locator('.message[data-marked]', { hasText: 'Table for six is booked' }).waitFor()
    await ben.page.goBack()
    await panel(ben).waitFor({ state: 'detached' })
  })

  await step('what was deleted counts no more, and its thread stays', async () => {
    const gone = panel(olga).locator('.message', { hasText: 'I will come by bike' })
    await gone.hover()
    await gone.getByRole('button', { name: 'More' }).click()
    await olga.page.getByRole('menuitem', { name: 'Delete' }).click()
    await olga.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await until('two are left', async () => /2 replies/.test(await summary(ben, 'Lunch at noon?').textContent()))
  })

  await step('the threads that one follows are listed, and can be followed no more', async () => {
    await olga.say('Who has the key?')
    await ben.gets('Who has the key?')
    await openByBar(ben, 'Who has the key?')
    await reply(ben, 'It is with me')
    await badge(olga).waitFor()
    await olga.page
      .getByRole('navigation', { name: 'Places' })
      .getByRole('link', { name: /Threads/ })
      .click()
    await olga.page.getByRole('heading', { name: 'Threads' }).waitFor()
    const entries = olga.page.locator('.thread-entry')
    await until('both, the newest first', async () => {
      const texts = await entries.allTextContents()
      return texts.length === 2 && /Who has the key/.test(texts[0]) && /It is with me/.test(texts[0])
    })
    await olga.audit('the list of threads')
    await entries.first().click()
    await panel(olga).locator('.message', { hasText: 'It is with me' }).waitFor()
    await badge(olga).waitFor({ state: 'detached' })
    await panel(olga).getByRole('button', { name: 'Stop following this thread' }).click()
    await panel(olga).getByRole('button', { name: 'Follow this thread' }).waitFor()
    await reply(ben, 'No, Ben has it')
    await panel(olga).locator('.message', { hasText: 'No, Ben has it' }).waitFor()
    assert.equal(await badge(olga).count(), 0)
  })

  await step('by keyboard alone', async () => {
    const { page } = ben
    await page.getByRole('button', { name: 'Close the thread' }).click()
    await ben.say('Keys on the table')
    // A message that is on its way has no shortcuts.
    await olga.gets('Keys on the table')
    await page.locator('main .scroller').focus()
    await page.keyboard.press('ArrowUp')
    await page.locator('main .message:focus', { hasText: 'Keys on the table' }).waitFor()
    await page.keyboard.press('t')
    await panel(ben).locator('textarea:focus').waitFor()
    await page.keyboard.type('thanks')
    await page.keyboard.press('Enter')
    await panel(ben).locator('.message', { hasText: 'thanks' }).waitFor()
    await page.keyboard.press('Escape')
    await panel(ben).waitFor({ state: 'detached' })
  })

  await step('what was written without a connection is sent once there is one', async () => {
    await openByBar(ben, 'Keys on the table')
    await ben.context.setOffline(true)
    await box(ben).fill('from the train')
    await box(ben).press('Enter')
    await panel(ben).locator('.message', { hasText: 'from the train' }).waitFor()
    await ben.context.setOffline(false)
    await until('two', async () => /2 replies/.test(await summary(olga, 'Keys on the table').textContent()))
  })
}
