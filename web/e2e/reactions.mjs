// Reactions: chosen in the picker, toggled by a click, seen by others, by keyboard and on a phone.
import assert from 'node:assert/strict'
import { two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'React')
  const reaction = (person, text, emoji) => person.message(text).getByRole('button', { name: new RegExp(`^${emoji}`) })

  await step('choose an emoji for a message', async () => {
    await olga.say('Lunch at noon?')
    await ben.gets('Lunch at noon?')
    await ben.message('Lunch at noon?').hover()
    await ben.message('Lunch at noon?').getByRole('button', { name: 'Add a reaction' }).click()
    const picker = ben.page.getByRole('dialog', { name: 'Choose an emoji' })
    await picker.getByRole('button', { name: 'grinning face', exact: true }).waitFor()
    await ben.audit('emoji picker')
    await picker.getByRole('searchbox').fill('party popper')
    await picker.getByRole('searchbox').press('Enter')
    await picker.waitFor({ state: 'detached' })
    await reaction(olga, 'Lunch at noon?', '🎉').waitFor()
    assert.equal(await reaction(ben, 'Lunch at noon?', '🎉').getAttribute('aria-pressed'), 'true')
    assert.equal(await reaction(olga, 'Lunch at noon?', '🎉').getAttribute('aria-pressed'), 'false')
    await olga.audit('a message with a reaction')
  })

  await step('one click gives the same reaction and takes it back', async () => {
    const mine = reaction(olga, 'Lunch at noon?', '🎉')
    await mine.click()
    await until('two reactions', async () => (await reaction(ben, 'Lunch at noon?', '🎉').textContent()).endsWith('2'))
    await mine.focus()
    const both = name => name.includes('Olga') && name.includes('Ben')
    await until('who gave it', async () => both(await mine.getAttribute('aria-label')))
    await mine.click()
    await until('one reaction', async () => (await reaction(ben, 'Lunch at noon?', '🎉').textContent()).endsWith('1'))
    await reaction(ben, 'Lunch at noon?', '🎉').click()
    await reaction(olga, 'Lunch at noon?', '🎉').waitFor({ state: 'detached' })
  })

  await step(
    'what is mine stays mine after a reload, after an edit, and without a connection it comes back',
    async () => {
      await ben.message('Lunch at noon?').hover()
      await ben.message('Lunch at noon?').getByRole('button', { name: 'Add a reaction' }).click()
      const picker = ben.page.getByRole('dialog', { name: 'Choose an emoji' })
      await picker.getByRole('region', { name: 'Used lately' }).getByRole('button', { name: 'party popper' }).click()
      await reaction(olga, 'Lunch at noon?', '🎉').waitFor()
      await olga.box().press('ArrowUp')
      await olga.box().fill('Lunch at one?')
      await olga.box().press('Enter')
      await ben.gets('Lunch at one?')
      assert.equal(await reaction(ben, 'Lunch at one?', '🎉').getAttribute('aria-pressed'), 'true')
      await ben.page.reload()
      await ben.gets('Lunch at one?')
      await until(
        'mine',
        async () => (await reaction(ben, 'Lunch at one?', '🎉').getAttribute('aria-pressed')) === 'true',
      )
      await ben.page.route('**/reactions/**', route => route.abort())
      await reaction(ben, 'Lunch at one?', '🎉').click()
      await until(
        'refused',
        async () => (await reaction(ben, 'Lunch at one?', '🎉').getAttribute('aria-pressed')) === 'true',
      )
      await ben.page.unroute('**/reactions/**')
    },
  )

  await step('by keyboard alone', async () => {
    const row = olga.message('Lunch at one?')
    await olga.box().press('Escape')
    await row.evaluate(element => element.focus({ focusVisible: true }))
    await olga.page.keyboard.press('+')
    const picker = olga.page.getByRole('dialog', { name: 'Choose an emoji' })
    await picker.getByRole('searchbox').waitFor()
    await until('the search has the focus', () =>
      picker.getByRole('searchbox').evaluate(e => e === document.activeElement),
    )
    await picker.getByRole('button', { name: 'grinning face', exact: true }).waitFor()
    await olga.page.keyboard.press('ArrowDown')
    await olga.page.keyboard.press('ArrowRight')
    await olga.page.keyboard.press('Enter')
    await picker.waitFor({ state: 'detached' })
    await until(
      'two kinds',
      async () => (await ben.message('Lunch at one?').locator('.reaction[aria-pressed]').count()) === 2,
    )
  })
}
