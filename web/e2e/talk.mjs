// What is written, how it looks to the other, and what can be done to it afterwards.
import assert from 'node:assert/strict'
import { two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Talk')

  await step('talk both ways', async () => {
    await olga.say('Hello **Ben**')
    await ben.message('Hello Ben').locator('strong').waitFor()
    await ben.say('Hello Olga')
    await olga.gets('Hello Olga')
    assert.equal(await olga.message('Hello Ben').count(), 1)
    await until('everything settled', async () => (await olga.page.locator('.message[data-state]').count()) === 0)
    await olga.audit('a channel')
  })

  await step('what is written is never markup', async () => {
    await ben.say('<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](https://x.example/p.png)')
    const row = olga.message('<img src=x')
    await row.waitFor()
    assert.equal(await row.locator('img').count(), 0)
    const hrefs = await row.locator('.message-body a').evaluateAll(all => all.map(a => a.getAttribute('href')))
    assert.ok(!hrefs.some(href => href?.startsWith('javascript')), String(hrefs))
    const policy = await olga.page.evaluate(async () => (await fetch('/')).headers.get('content-security-policy'))
    assert.match(policy, /default-src 'none'; script-src 'self'/)
    // And it holds: what would run, does not.
    const ran = await olga.page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.ran = true'
      document.body.append(script)
      return window.ran === true
    })
    assert.equal(ran, false)
    await until('the page has complained of the script', () => world.troubles.length > 0)
    assert.match(world.troubles.splice(0).join(), /Content Security Policy/)
  })

  await step('edit the last with ↑, reply, delete', async () => {
    await olga.box().press('ArrowUp')
    await olga.page.getByText('Editing your message').waitFor()
    await olga.box().fill('Hello again, Ben')
    await olga.box().press('Enter')
    await ben.message('Hello again, Ben').getByText('edited').waitFor()
    await ben.message('Hello again, Ben').hover()
    await ben.message('Hello again, Ben').getByRole('button', { name: 'Reply' }).click()
    await ben.say('A reply')
    await olga.message('A reply').locator('.quote', { hasText: 'Hello again' }).waitFor()
    await ben.message('A reply').hover()
    await ben.message('A reply').getByRole('button', { name: 'More' }).click()
    await ben.audit('message menu')
    await ben.page.getByRole('menuitem', { name: 'Delete' }).click()
    await ben.audit('delete?')
    await ben.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await olga.page.getByText('This message was deleted').waitFor()
    await olga.audit('tombstone')
  })

  await step('lines of a list stay lines, and a year at its beginning stays in the column', async () => {
    await olga.say('- one\n  still one\n\n- two\n  - inner')
    await olga.say('2026. Was a good year')
    const items = ben.message('still one').locator('.message-body li')
    await items.first().waitFor()
    assert.equal(await items.first().innerText(), 'one\nstill one')
    const room = await ben
      .message('Was a good year')
      .locator('.message-body ol')
      .evaluate(list => {
        const figure = document.createElement('span')
        figure.textContent = '2026. '
        list.append(figure)
        const { width } = figure.getBoundingClientRect()
        figure.remove()
        return Number.parseFloat(getComputedStyle(list).paddingInlineStart) - width
      })
    assert.ok(room >= 0, `the number hangs out by ${-room} pixels`)
  })

  await step('unread: a badge, the title, and a line where the new ones begin', async () => {
    await ben.createChannel('elsewhere')
    await olga.say('one that waits')
    await olga.say('two that wait')
    await until('the badge says 2', async () => /2/.test(await ben.entry('lobby').locator('.badge').innerText()))
    await until('the title says so', async () => /^\(2\) /.test(await ben.page.title()))
    await ben.open('lobby')
    await ben.page.locator('.unread-line').waitFor()
    await ben.audit('new messages')
    await ben.entry('lobby').locator('.badge').waitFor({ state: 'detached' })
    await until('the title is at rest', async () => !/^\(/.test(await ben.page.title()))
  })

  await step('a link to a message leads there', async () => {
    await ben.message('one that waits').hover()
    await ben.message('one that waits').getByRole('button', { name: 'More' }).click()
    await ben.page.getByRole('menuitem', { name: 'Copy link' }).click()
    await ben.page.getByRole('status').getByText('Copied').waitFor()
    await ben.audit('a link is copied')
    await ben.page.getByText('Copied').waitFor({ state: 'detached' })
    const link = await ben.page.evaluate(() => navigator.clipboard.readText())
    await olga.page.goto(link)
    await olga.page.locator('.message[data-marked]', { hasText: 'one that waits' }).waitFor()
  })

  await step(
    'such a link in a message leads there without a new page, and the text of a message can be copied',
    async () => {
      const link = olga.page.url()
      await olga.createChannel('links')
      await olga.say(`look at ${link}`)
      await olga.page.evaluate(() => {
        window.samePage = true
      })
      await olga.message('look at').getByRole('link').click()
      await olga.page.locator('.message[data-marked]', { hasText: 'one that waits' }).waitFor()
      assert.equal(await olga.page.evaluate(() => window.samePage), true)
      assert.equal(olga.context.pages().length, 1)
      await olga.message('one that waits').hover()
      await olga.message('one that waits').getByRole('button', { name: 'More' }).click()
      await olga.page.getByRole('menuitem', { name: 'Copy text' }).click()
      await until('it is copied', () =>
        olga.page.evaluate(async () => (await navigator.clipboard.readText()) === 'one that waits'),
      )
    },
  )

  await step('a link into a channel that one is not in offers to join it', async () => {
    const link = ben.page.url()
    await ben.createChannel('by-link')
    await ben.say('come and read this')
    await olga.page.goto(ben.page.url())
    await olga.page.getByRole('heading', { name: 'by-link', level: 1 }).waitFor()
    await olga.audit('a channel to join')
    await olga.page.getByRole('main').getByRole('button', { name: 'Join' }).click()
    await olga.gets('come and read this')
    await ben.page.goto(link)
    await olga.open('lobby')
  })

  await step('a refused message can be edited and sent, or discarded', async () => {
    const errors = [{ pointer: '/body', code: 'too_long', max: 16_000, detail: 'must have fewer' }]
    const refuse = async route => {
      if (route.request().method() !== 'POST') return route.fallback()
      const problem = { type: 'about:blank', title: 'No', status: 422, code: 'invalid', detail: 'no', errors }
      await route.fulfill({ status: 422, contentType: 'application/problem+json', body: JSON.stringify(problem) })
    }
    await olga.context.route('**/messages', refuse)
    await olga.say('refused one')
    await olga.message('refused one').getByText('Not sent: At most 16,000 characters.').waitFor()
    await olga.say('refused two')
    await olga.message('refused two').getByText('Not sent: At most 16,000 characters.').waitFor()
    await olga.say('refused three')
    await olga.message('refused three').getByText('Not sent: At most 16,000 characters.').waitFor()
    await olga.audit('refused messages')
    await olga.context.unroute('**/messages', refuse)
    await olga.message('refused two').getByRole('button', { name: 'Discard' }).click()
    await olga.message('refused three').getByRole('button', { name: 'Retry' }).click()
    await ben.gets('refused three')
    await olga.message('refused one').getByRole('button', { name: 'Edit' }).click()
    await olga.page.getByLabel('Your message').fill('put better')
    await olga.page.locator('.refused').getByRole('button', { name: 'Send' }).click()
    await ben.gets('put better')
    await until('nothing refused is left', async () => (await olga.page.locator('.refused').count()) === 0)
  })

  await step('a draft stays where it was written, over a reload too', async () => {
    await olga.createChannel('drafts')
    await olga.box().fill('half a thought')
    await olga.open('lobby')
    assert.equal(await olga.box().inputValue(), '')
    await olga.page.reload()
    await olga.open('drafts')
    assert.equal(await olga.box().inputValue(), 'half a thought')
    await olga.box().fill('')
    await olga.open('lobby')
  })

  await step('a long paste is sent whole, and one that is too long is told before', async () => {
    const long = Array.from({ length: 400 }, (_, i) => `line ${i} of a long paste`).join('\n')
    await olga.page.evaluate(text => navigator.clipboard.writeText(text), long)
    await olga.box().press('Control+v')
    await until('it is in the box', async () => (await olga.box().inputValue()) === long)
    await olga.page.getByRole('button', { name: 'Send' }).click()
    await ben.message('line 399 of a long paste').waitFor()
    await olga.box().fill('x'.repeat(16_001))
    await olga.page.getByText(/too long/).waitFor()
    assert.equal(await olga.page.getByRole('button', { name: 'Send' }).isDisabled(), true)
    await olga.audit('a message that is too long')
    await olga.box().fill('')
  })
}
