// The storage of the browser may be full, blocked or absent: that costs drafts at most.
import assert from 'node:assert/strict'
import { Person } from './browser.mjs'
import { until } from './until.mjs'

/** As with "block all cookies": naming a storage throws, opening a database fails, there are no locks. */
const block = () => {
  const refuse = () => {
    throw new DOMException('blocked', 'SecurityError')
  }
  for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])
    Object.defineProperty(window, name, { get: refuse, configurable: true })
  navigator.locks.request = () => Promise.reject(new DOMException('blocked', 'SecurityError'))
  navigator.locks.query = navigator.locks.request
}
/** No room for anything new. */
const fill = () => {
  const full = () => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  Storage.prototype.setItem = full
  IDBObjectStore.prototype.put = full
}

export async function steps(step, world) {
  const notice = person => person.page.getByText('This browser does not let Parlor store anything')
  const talks = async (person, name) => {
    await person.createChannel(name)
    await person.box().pressSequentially('typed letter by letter')
    assert.equal(await person.box().inputValue(), 'typed letter by letter')
    await notice(person).waitFor()
    await person.audit(`storage fails: ${name}`)
    await person.page.getByRole('button', { name: 'Close' }).click()
    await person.box().press('Enter')
    await person.gets('typed letter by letter')
    await person.say('and a second one')
    await until('both are sent', async () => (await person.page.locator('.message[data-state]').count()) === 0)
    assert.equal(await person.message('typed letter by letter').count(), 1)
    assert.equal(await notice(person).count(), 0, 'it is said once')
  }

  for (const [name, fault] of Object.entries({ blocked: block, full: fill })) {
    await step(`with ${name} storage one can sign up, type, send, sign out and in`, async () => {
      const person = await Person.at(world)
      await person.context.addInitScript(fault)
      await person.signUp(`Storage ${name} ${world.stamp}`, `${name} Person`)
      await talks(person, name)
      await person.page.getByRole('button', { name: new RegExp(`${name} Person`) }).click()
      await person.page.getByRole('menuitem', { name: 'Sign out' }).click()
      await person.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
      await person.signIn(person.email)
      await person.open(name)
      await person.gets('and a second one')
      await person.leave()
    })
  }

  await step('a message that waits is kept over a reload, and sent once, with two tabs too', async () => {
    const person = await Person.at(world)
    await person.signUp(`Storage kept ${world.stamp}`, 'Kim Keeper')
    await person.createChannel('kept')
    const second = await person.tab()
    await second.goto(person.page.url())
    await second.locator('.timeline[data-ready]').waitFor()
    const cut = route => (route.request().method() === 'POST' ? route.abort() : route.fallback())
    await person.context.route('**/messages', cut)
    for (const text of ['waits one', 'waits two']) await person.say(text)
    await until('each says that it waits', async () => (await person.page.locator('.message .waiting').count()) === 2)
    await until('the other tab shows them', async () => (await person.message('waits', second).count()) === 2)
    await person.page.reload()
    await person.message('waits two').waitFor()
    await person.context.unroute('**/messages', cut)
    for (const page of [person.page, second]) {
      await until('they are sent', async () => (await page.locator('.message[data-state]').count()) === 0)
      assert.deepEqual(await person.texts(page), ['waits one', 'waits two'])
    }
    const left = await person.page.evaluate(
      () =>
        new Promise(resolve => {
          const request = indexedDB.open('parlor')
          request.onsuccess = () => {
            const all = request.result.transaction('outbox').objectStore('outbox').count()
            all.onsuccess = () => resolve(all.result)
          }
        }),
    )
    assert.equal(left, 0)
  })

  await step('what an earlier version kept in localStorage is sent', async () => {
    const person = await Person.at(world)
    await person.signUp(`Storage old ${world.stamp}`, 'Otto Old')
    await person.createChannel('old')
    const chat_id = new URL(person.page.url()).pathname.split('/').at(-1)
    await person.box().fill('a draft, to learn the key')
    await until('it is kept', () =>
      person.page.evaluate(() => Object.keys(localStorage).some(k => k.includes('draft'))),
    )
    await person.page.evaluate(chat_id => {
      const me = Object.keys(localStorage)
        .find(key => key.startsWith('parlor.draft.'))
        .split('.')[2]
      const entry = { client_id: 'from-before', chat_id, body: 'written before', reply_to: null, written_at: 1 }
      localStorage.setItem(`parlor.out.${me}.from-before`, JSON.stringify(entry))
    }, chat_id)
    await person.page.reload()
    await person.gets('written before')
    await until('it is sent', async () => (await person.page.locator('.message[data-state]').count()) === 0)
    assert.ok(await person.page.evaluate(() => !Object.keys(localStorage).some(key => key.startsWith('parlor.out.'))))
  })
}
