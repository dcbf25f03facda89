// The client as an app: installed, opened while the server is away, updated, and pushed to.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { parlor } = world
  world.withServiceWorker = true
  const { olga, ben } = await two(world, 'App')
  const { page } = olga
  const kept = () =>
    page.evaluate(async () => {
      const database = await new Promise(done => {
        indexedDB.open('parlor-offline').onsuccess = event => done(event.target.result)
      })
      if (!database.objectStoreNames.contains('copies')) return []
      const all = await new Promise(done => {
        const request = database.transaction('copies').objectStore('copies').getAll()
        request.onsuccess = () => done(request.result)
      })
      database.close()
      return all.map(copy => JSON.stringify(copy))
    })

  await step('it can be installed, with icons that are what the manifest says', async () => {
    const isReady = async () => Boolean((await navigator.serviceWorker.getRegistration())?.active)
    await until('the service worker is there', () => page.evaluate(isReady))
    const { icons } = await page.evaluate(async () => (await fetch('/manifest.webmanifest')).json())
    const sizes = await page.evaluate(async icons => {
      const size = async ({ src }) => {
        const image = new Image()
        image.src = src
        await image.decode()
        return `${image.naturalWidth}x${image.naturalHeight}`
      }
      return Promise.all(icons.filter(icon => icon.type === 'image/png').map(size))
    }, icons)
    const pngs = icons.filter(icon => icon.type === 'image/png')
    assert.deepEqual(
      sizes,
      pngs.map(icon => icon.sizes),
    )
    const devtools = await olga.context.newCDPSession(page)
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors')
    // The browser of the tests is never in a mode that installs.
    const told = installabilityErrors.map(({ errorId }) => errorId).filter(id => id !== 'in-incognito')
    assert.deepEqual(told, [])
  })

  await step('while the server is away a reload shows what was read last, and what is written waits', async () => {
    await ben.say('read before the outage')
    await olga.gets('read before the outage')
    await until('it is kept', async () => (await kept()).some(copy => copy.includes('read before the outage')))
    assert.ok((await kept()).every(copy => copy.includes('"access_token":""')))
    await parlor.goAway()
    await page.reload()
    await olga.gets('read before the outage')
    await olga.entry('lobby').waitFor()
    await page.getByText(/Connecting/).waitFor()
    await olga.audit('opened while the server is away')
    await olga.say('written during the outage')
    await page.getByText(/1 to send/).waitFor()
    await page.reload()
    await olga.gets('written during the outage')
    await parlor.comeBack()
    await ben.gets('written during the outage')
    await page.getByText(/to send/).waitFor({ state: 'detached' })
    await ben.say('after the outage')
    await olga.gets('after the outage')
  })

  await step('a server that answers is asked for the page, however new it is', async () => {
    const file = parlor.client('index.html')
    const before = readFileSync(file, 'utf8')
    assert.ok(await page.evaluate(() => navigator.serviceWorker.controller !== null))
    writeFileSync(file, before.replace('<head>', '<head><meta name="version" content="newer">'))
    await page.reload()
    assert.equal(await page.locator('meta[name="version"]').getAttribute('content'), 'newer')
    await olga.sees('lobby')
    writeFileSync(file, before)
  })

  const shown = () =>
    page.evaluate(async () => {
      const all = await (await navigator.serviceWorker.ready).getNotifications()
      return all.map(({ title, body }) => `${title}: ${body}`)
    })

  await step('a push is shown, and leads to its page', async () => {
    const { pathname } = new URL(page.url())
    await olga.createChannel('elsewhere')
    const devtools = await olga.context.newCDPSession(page)
    await olga.context.grantPermissions(['notifications'])
    const registered = new Promise(found => {
      devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
        if (registrations[0]) found(registrations[0].registrationId)
      })
    })
    await devtools.send('ServiceWorker.enable')
    const data = JSON.stringify({ title: 'Ben in lobby', body: 'pushed', tag: 'a', url: pathname })
    const push = { origin: new URL(parlor.url).origin, registrationId: await registered, data }
    await devtools.send('ServiceWorker.deliverPushMessage', push)
    await until('the notification is there', async () => (await shown()).includes('Ben in lobby: pushed'))
    const [worker] = olga.context.serviceWorkers()
    await worker.evaluate(async () => {
      const [notification] = await self.registration.getNotifications()
      self.dispatchEvent(new NotificationEvent('notificationclick', { notification }))
    })
    await olga.sees('lobby')
    assert.deepEqual(await shown(), [])
  })

  await step('where a page may show no notification, the worker does', async () => {
    await page.evaluate(() => {
      window.Notification = class {
        static permission = 'granted'
        constructor() {
          throw new TypeError('Illegal constructor')
        }
      }
      localStorage.setItem('parlor.notify', 'all')
      document.hasFocus = () => false
      dispatchEvent(new Event('blur'))
    })
    await until('no tab is active', () =>
      page.evaluate(async () => !(await navigator.locks.query()).held.some(lock => lock.name === 'parlor-looking')),
    )
    await ben.say('told by the worker')
    await until('it is told', async () => (await shown()).includes('Ben Newcomer in lobby: told by the worker'))
  })

  await step('nothing is left of an account that signed out', async () => {
    await page.getByRole('button', { name: 'Olga Owner' }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
    await until('the copy is gone', async () => (await kept()).length === 0)
    const addresses = await page.evaluate(async () => {
      const names = await caches.keys()
      const all = await Promise.all(names.map(async name => (await caches.open(name)).keys()))
      return all.flat().map(request => new URL(request.url).pathname)
    })
    assert.ok(addresses.length > 5)
    assert.deepEqual(
      addresses.filter(path => path.startsWith('/api')),
      [],
    )
    await parlor.goAway()
    await page.reload()
    await page.getByText('Parlor cannot be reached').waitFor()
    assert.equal(await page.getByText('read before the outage').count(), 0)
    await parlor.comeBack()
    await page.getByRole('button', { name: 'Sign in' }).waitFor()
  })
}
