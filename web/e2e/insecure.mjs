// Parlor over plain HTTP under a name other than localhost: without Web Locks, clipboard and
// notifications, everything else must work.
import { Person } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { parlor } = world
  const person = await Person.at(world, { base: parlor.insecure, permissions: [] })
  let second

  await step('sign up, invite and talk from a page that is not served securely', async () => {
    await person.signUp(`Plain ${world.stamp}`, 'Paula Plain')
    if (await person.page.evaluate(() => isSecureContext)) throw new Error('the browser takes it for secure')
    await person.inviteLink()
    await person.createChannel('plain')
    await person.say('by plain HTTP')
    await until('it has settled', async () => (await person.page.locator('.message[data-state]').count()) === 0)
  })

  await step('what it may not copy is shown, to be copied by hand', async () => {
    await person.message('by plain HTTP').hover()
    await person.message('by plain HTTP').getByRole('button', { name: 'More' }).click()
    await person.page.getByRole('menuitem', { name: 'Copy link' }).click()
    const field = person.page.getByRole('dialog').getByRole('textbox')
    await until('all of it is chosen', () =>
      field.evaluate(e => e.selectionEnd === e.value.length && e.selectionEnd > 0),
    )
    if (!(await field.inputValue()).startsWith(`${person.page.url()}/`)) throw new Error(await field.inputValue())
    await person.audit('a link to copy by hand')
    await person.page.keyboard.press('Escape')
    await person.page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  await step('a second tab and a reload stay signed in, and both hear what happens', async () => {
    second = await person.tab()
    await second.goto(person.page.url())
    await person.gets('by plain HTTP', second)
    await person.say('to both', second)
    await person.gets('to both')
    await person.page.reload()
    await person.gets('to both')
    await person.say('and back')
    await person.gets('and back', second)
  })
}
