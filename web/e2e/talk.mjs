// Messages: sending, rendering, replying, editing, deleting.
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

  await step('one sees who types, in the open chat, until they send or empty the box; nothing moves', async () => {
    const line = olga.page.locator('.composer-typing')
    const place = () => olga.box().boundingBox()
    const before = await place()
    await ben.box().pressSequentially('so')
    await line.getByText('Ben Newcomer is typing').waitFor()
    assert.deepEqual(await place(), before)
    await olga.audit('somebody types')
    await ben.box().press('Enter')
    await olga.gets('so')
    await line.waitFor({ state: 'detached' })
    await ben.box().pressSequentially('no')
    await line.waitFor()
    await ben.box().fill('')
    await line.waitFor({ state: 'detached' })
  })

  await step('each new stream is told which chat is open', async () => {
    const again = olga.page.waitForResponse(response => response.url().endsWith('/interest'))
    await world.parlor.killNotify()
    await world.parlor.startNotify()
    assert.equal((await again).status(), 204)
    await ben.box().pressSequentially('back')
    await olga.page.locator('.composer-typing').waitFor()
    await ben.box().fill('')
  })

  await step('screen readers are told what comes, and of each message who wrote it', async () => {
    const { page } = olga
    const told = page.getByRole('status', { name: 'What was said just now' })
    assert.equal(await told.locator('p', { hasText: 'Hello Ben' }).count(), 0)
    await told.locator('p', { hasText: 'Ben Newcomer: Hello Olga' }).waitFor({ state: 'attached' })
    await ben.say('and *one more* for Olga')
    await told.locator('p', { hasText: 'Ben Newcomer: and one more for Olga' }).waitFor({ state: 'attached' })
    // Ben's second message has no visible header, because it follows his first one.
    assert.equal(await olga.message('one more').locator('.message-sender').count(), 0)
    const row = page.getByRole('article', { name: /^Ben Newcomer \d+:\d+/ }).filter({ hasText: 'one more' })
    assert.equal(await row.count(), 1)
    const description = await row.evaluate(e => document.getElementById(e.getAttribute('aria-describedby')).textContent)
    assert.equal(description, 'and one more for Olga')
    await page.reload()
    await olga.gets('one more')
    assert.equal(await told.locator('p').count(), 0, 'what was there before is no news')
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
    // The browser enforces the policy: an injected script does not run.
    const ran = await olga.page.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'window.ran = true'
      document.body.append(script)
      return window.ran === true
    })
    assert.equal(ran, false)
    await until('the page has complained of the script', () => world.pageErrors.length > 0)
    assert.match(world.pageErrors.splice(0).join(), /Content Security Policy/)
  })

  await step('edit the last with ↑, reply, delete', async () => {
    await olga.box().press('ArrowUp')
    await olga.page.getByText('Editing your message').waitFor()
    await olga.box().fill('Hello again, Ben')
    await olga.box().press('Enter')
    await ben.message('Hello again, Ben').getByText('edited').waitFor()
    await ben.message('Hello again, Ben').hover()
    await ben.message('Hello again, Ben').getByRole('button', { name: 'Reply', exact: true }).click()
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

  await step('unread: the channel in bold, in its section, and a line where the new ones begin', async () => {
    await ben.createChannel('elsewhere')
    await olga.say('one that waits')
    await olga.say('two that wait')
    await until('two are unread', async () => (await ben.unread('lobby')) === 2)
    await ben.page.getByRole('region', { name: 'Unread' }).getByRole('link', { name: 'lobby' }).waitFor()
    const weight = () => ben.entry('lobby').evaluate(e => Number(getComputedStyle(e).fontWeight))
    assert.ok((await weight()) > 600)
    assert.equal(await ben.entry('lobby').locator('.badge').count(), 0, 'a channel is not for me in person')
    assert.doesNotMatch(await ben.page.title(), /^\(/)
    await ben.audit('a list with unread chats')
    await ben.open('lobby')
    await ben.page.locator('.unread-line').waitFor()
    await ben.audit('new messages')
    await until('all is read', async () => (await ben.unread('lobby')) === 0)
  })

  await step(
    'what comes while one looks elsewhere stands below a line, and is not read before it was seen',
    async () => {
      const look = looking =>
        ben.page.evaluate(looking => {
          document.hasFocus = () => looking
          dispatchEvent(new Event(looking ? 'focus' : 'blur'))
        }, looking)
      await until('everything is read', async () => (await ben.unread('lobby')) === 0)
      await look(false)
      for (let i = 1; i <= 12; i++) await olga.say(`meanwhile ${i}\n\nmore of it\n\nand more`)
      await until('all have come', async () => (await ben.unread('lobby')) === 12)
      await look(true)
      const scroller = await ben.page.locator('.scroller').boundingBox()
      const lineTop = async () => (await ben.page.locator('.unread-line').boundingBox()).y
      await until('the line is at the top', async () => {
        const top = await lineTop()
        return top >= scroller.y && top < scroller.y + 200
      })
      assert.ok((await ben.message('meanwhile 1').first().boundingBox()).y > (await lineTop()))
      await until('what is in sight is read', async () => (await ben.unread('lobby')) < 12)
      await ben.page.getByRole('button', { name: /^\d+ new messages/ }).click()
      await until('all is read', async () => (await ben.unread('lobby')) === 0)
    },
  )

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
    assert.equal(await olga.box().inputValue(), 'refused one')
    await olga.box().press('Escape')
    assert.equal(await olga.box().inputValue(), '')
    await olga.message('refused one').getByRole('button', { name: 'Edit' }).click()
    await olga.box().fill('')
    assert.equal(await olga.page.getByRole('button', { name: 'Save' }).isDisabled(), true)
    await olga.page.keyboard.type('put better')
    await olga.page.keyboard.press('Enter')
    await ben.gets('put better')
    assert.equal(await ben.message('refused one').count(), 0)
    await until('nothing refused is left', async () => (await olga.page.locator('.refused').count()) === 0)
  })

  await step('a draft stays where it was written, over a reload too, and the list shows where', async () => {
    await olga.createChannel('drafts')
    await olga.box().fill('half a thought')
    await olga.open('lobby')
    assert.equal(await olga.box().inputValue(), '')
    await olga.entry('drafts').locator('.entry-draft').waitFor()
    await olga.audit('a draft in the list')
    await olga.page.reload()
    await olga.open('drafts')
    assert.equal(await olga.box().inputValue(), 'half a thought')
    await olga.box().fill('half a thought, and right before the reload')
    await olga.page.reload()
    await olga.sees('drafts')
    assert.equal(await olga.box().inputValue(), 'half a thought, and right before the reload')
    await olga.box().fill('')
    await olga.open('lobby')
    await olga.entry('drafts').locator('.entry-draft').waitFor({ state: 'detached' })
  })

  await step('an edit leaves the draft alone, whatever follows, and a reply stays with its draft', async () => {
    const press = async (text, name) => {
      await olga.message(text).hover()
      await olga.message(text).getByRole('button', { name, exact: true }).click()
    }
    const inBox = async text => until(`“${text}” is in the box`, async () => (await olga.box().inputValue()) === text)
    await olga.box().fill('half a thought')
    await press('one that waits', 'Edit')
    await inBox('one that waits')
    await press('two that wait', 'Edit')
    await inBox('two that wait')
    await olga.page.keyboard.press('Escape')
    await inBox('half a thought')
    await press('one that waits', 'Edit')
    await olga.page.keyboard.type(', never saved')
    await press('Hello Olga', 'Reply')
    await inBox('half a thought')
    const about = olga.page.locator('.composer-about', { hasText: 'Reply to Ben Newcomer Hello Olga' })
    await about.waitFor()
    await olga.open('drafts')
    assert.equal(await about.count(), 0)
    await olga.page.reload()
    await olga.open('lobby')
    await about.waitFor()
    await olga.box().press('Enter')
    await ben.message('half a thought').locator('.quote', { hasText: 'Hello Olga' }).waitFor()
    await about.waitFor({ state: 'detached' })
    assert.equal(await ben.message('never saved').count(), 0)
  })

  await step('a quote leads to its message as often as one likes, and a link to none leads to the newest', async () => {
    const inSight = async text => {
      const scroller = await ben.page.locator('.scroller').boundingBox()
      const bodies = ben.page.locator('.message-body', { hasText: text })
      const at = (await bodies.count()) > 0 && (await bodies.boundingBox())
      return at && at.y >= scroller.y && at.y < scroller.y + scroller.height
    }
    const quote = ben.message('half a thought').locator('.quote')
    for (const time of ['once', 'again', 'and again']) {
      await quote.click()
      await ben.page.locator('.message[data-marked]', { hasText: 'Hello Olga' }).waitFor()
      await until(`it is in sight, ${time}`, () => inSight('Hello Olga'))
      await ben.page.locator('.scroller').hover()
      if (time === 'again') await ben.page.mouse.wheel(0, 20_000)
      else await ben.page.getByRole('button', { name: /Jump to latest/ }).click()
      await until('it is at the end', () => inSight('half a thought'))
      assert.equal(/\/\d+$/.test(ben.page.url()), time === 'again')
    }
    await ben.page.goto(`${ben.page.url()}/99999`)
    await until('the newest is in sight', () => inSight('half a thought'))
    await until('the address is the chat', () => !ben.page.url().endsWith('/99999'))
  })

  await step('a long paste is sent whole, and one that is too long is told before', async () => {
    const long = Array.from({ length: 400 }, (_, i) => `line ${i} of a long paste`).join('\n')
    await olga.page.evaluate(text => navigator.clipboard.writeText(text), long)
    await olga.box().press('Control+v')
    await until('it is in the box', async () => (await olga.box().inputValue()) === long)
    await olga.page.getByRole('button', { name: 'Send' }).click()
    const paste = ben.message('line 7 of a long paste')
    const more = paste.getByRole('button', { name: 'Show more' })
    await more.waitFor()
    assert.equal(await ben.message('line 399 of a long paste').count(), 0)
    await ben.audit('a long message')
    const before = await paste.boundingBox()
    await more.click()
    await ben.message('line 399 of a long paste').waitFor()
    assert.ok(Math.abs((await paste.boundingBox()).y - before.y) <= 3, 'its beginning stays where it is')
    await paste.getByRole('button', { name: 'Show less' }).click()
    await more.waitFor()
    const scroller = await ben.page.locator('.scroller').boundingBox()
    assert.ok((await paste.boundingBox()).y > scroller.y - 2, 'and is to be seen again')
    await olga.box().fill('x'.repeat(16_001))
    await olga.page.getByText(/too long/).waitFor()
    assert.equal(await olga.page.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true)
    await olga.box().press('Enter')
    assert.equal((await olga.box().inputValue()).length, 16_001)
    assert.equal(await olga.page.locator('.message', { hasText: 'xxxxx' }).count(), 0)
    await olga.audit('a message that is too long')
    await olga.box().fill('')
  })
}
