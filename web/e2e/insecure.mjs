// A Parlor by plain HTTP under a name in one's own network: no Web Locks, no clipboard, no notifications. It works all the same.
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
