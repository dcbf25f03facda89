// The client by keyboard alone, and in another language.
import assert from 'node:assert/strict'
import { Person, two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Keyboard')
  const keys = await Person.at(world)
  const { page } = keys
  const { keyboard } = page
  const press = async (...all) => {
    for (const key of all) await keyboard.press(key)
  }
  /** Presses a key until the element has the focus. */
  const walk = async (key, selector) => {
    const there = page.locator(selector).and(page.locator(':focus'))
    for (let presses = 0; (await there.count()) === 0; presses++) {
      assert.ok(presses < 30, `${key} does not lead to ${selector}`)
      await press(key)
      // A menu moves the focus a moment after the key; the next key must wait for that.
      await page.evaluate(() => new Promise(moved => setTimeout(moved)))
    }
  }
  const focused = selector => until(`${selector} has the focus`, () => page.locator(`${selector}:focus`).count())

  await step('sign in', async () => {
    await page.goto(`${keys.base}/signin`)
    await page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await focused('input[name="email"]')
    await keyboard.type(olga.email)
    await press('Tab')
    await keyboard.type('correct horse')
    await press('Enter')
    await keys.sees('lobby')
  })

  await step('write, and complete an emoji', async () => {
    await focused('.composer textarea')
    await keyboard.type('well done :tad')
    await page.getByRole('option', { name: ':tada:' }).waitFor()
    await keys.audit('emoji')
    await press('Tab')
    await until('it stands there', async () => (await keys.box().inputValue()) === 'well done 🎉 ')
    await keyboard.type('indeed')
    await press('Enter')
    await keyboard.type('written out :+1:')
    await until('that stands there too', async () => (await keys.box().inputValue()) === 'written out 👍')
    await keyboard.type(', and on')
    assert.equal(await keys.box().inputValue(), 'written out 👍, and on')
    await keys.box().fill('')
    await ben.gets('well done 🎉 indeed')
    await ben.say('```rust\nfn main() { let answer = 42; }\n```')
    await keys.message('let answer').locator('.hljs-keyword').first().waitFor()
    await keys.audit('code')
  })

  await step('whoever begins to type writes, wherever they clicked', async () => {
    await keys.message('well done').click()
    await keyboard.type('hello, rel?')
    assert.equal(await keys.box().inputValue(), 'hello, rel?')
    assert.equal(await page.locator('.composer-about, dialog').count(), 0)
    await keys.box().fill('')
    await page.evaluate(() => document.activeElement.blur())
    await keyboard.type('?and this')
    assert.equal(await keys.box().inputValue(), '?and this')
    assert.equal(await page.getByRole('dialog').count(), 0)
    await keys.box().fill('')
  })

  await step('go to the messages, reply to one, edit one, copy a link, delete one', async () => {
    await press('Shift+F6')
    await focused('.scroller')
    await press('ArrowUp')
    await focused('.message')
    await press('ArrowUp')
    await until('it is mine', async () => /well done/.test(await page.locator('.message:focus').innerText()))
    await keys.audit('a message with the focus')
    await press('l')
    const link = new RegExp(`${new URL(page.url()).pathname}/3$`)
    await until('the link is copied', async () => link.test(await page.evaluate(() => navigator.clipboard.readText())))
    await press('r')
    await focused('.composer textarea')
    await keyboard.type('a reply')
    await press('Enter')
    await ben.message('a reply').locator('.quote').waitFor()
    await press('ArrowUp')
    await until('it is in the box', async () => (await keys.box().inputValue()) === 'a reply')
    await keyboard.type(', corrected')
    await press('Enter')
    await ben.gets('a reply, corrected')
    await press('Shift+F6', 'ArrowUp')
    await until('it is the last', async () => /corrected/.test(await page.locator('.message:focus').innerText()))
    await press('Backspace')
    await page.getByRole('dialog').waitFor()
    await press('Tab', 'Tab', 'Tab')
    await until('Delete has the focus', async () => (await page.locator('.button-danger:focus').count()) > 0)
    await press('Enter')
    await ben.page.getByText('This message was deleted').waitFor()
    // The next step begins with a shortcut, which an open dialog would keep for itself.
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  await step('make a chat, and go from chat to chat', async () => {
    await press('Control+k')
    await page.getByRole('combobox').waitFor()
    await keyboard.type('Ben')
    await page.getByRole('option', { name: /Ben Newcomer/ }).waitFor()
    await press('Enter')
    await keys.sees('Ben Newcomer')
    await keyboard.type('hello')
    await press('Enter')
    await ben.entry('Olga Owner').waitFor()
    await press('Alt+ArrowUp')
    await keys.sees('lobby')
    await ben.open('Olga Owner')
    await ben.say('an answer')
    await keys.entry('Ben Newcomer').locator('.badge').waitFor()
    await press('Alt+Shift+ArrowDown')
    await keys.sees('Ben Newcomer')
    await keys.gets('an answer')
    // Until it is read it is the first of the list.
    await page.getByRole('region', { name: 'Unread' }).waitFor({ state: 'detached' })
    await press('F6')
    await focused('.entry')
    await press('ArrowUp')
    await press('Enter')
    await keys.sees('lobby')
  })

  await step('who closes the members is where they opened them', async () => {
    await walk('Shift+Tab', '.members-button')
    await press('Enter')
    await page.getByRole('complementary', { name: 'Members' }).getByText('Ben Newcomer').waitFor()
    await walk('Tab', '.panel [aria-label="Close members"]')
    await press('Enter')
    await page.getByRole('complementary', { name: 'Members' }).waitFor({ state: 'detached' })
    await focused('.members-button')
  })

  await step('write to a person by the beginning of their name', async () => {
    await keys.box().click()
    await keyboard.type('hello @new')
    await page.getByRole('listbox', { name: 'People' }).getByRole('option', { name: 'Ben Newcomer' }).waitFor()
    await keys.audit('people to mention')
    await press('Escape')
    await page.getByRole('listbox').waitFor({ state: 'detached' })
    await keyboard.type('c')
    await page.getByRole('option', { name: 'Ben Newcomer' }).waitFor()
    await press('Tab')
    await until('the name stands there', async () => (await keys.box().inputValue()) === 'hello @Ben Newcomer ')
    // A list that is closed takes no key.
    await keyboard.type('mail me @ noon')
    await press('Enter')
    await keys.gets('hello @Ben Newcomer mail me @ noon')
  })

  await step('the sheet of keys', async () => {
    await press('Control+/')
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
    await keys.audit('keyboard shortcuts')
    await press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  })

  await step('the list is made wider and narrower, and stays so', async () => {
    const width = async () => Math.round((await page.locator('.sidebar').boundingBox()).width)
    const usual = await width()
    await page.getByRole('separator', { name: 'Width of the list' }).focus()
    await press('ArrowRight')
    await until('it is wider', async () => (await width()) === usual + 16)
    await press('End', 'ArrowRight')
    await until('it is at its widest', async () => (await width()) === 360)
    await page.reload()
    await keys.sees('lobby')
    assert.equal(await width(), 360)
    const { x, y } = await page.locator('.splitter').boundingBox()
    await page.mouse.move(x + 4, y + 300)
    await page.mouse.down()
    await page.mouse.move(x - 36, y + 300)
    await page.mouse.up()
    await until('it was dragged', async () => (await width()) === 320)
    await page.mouse.move(x - 900, y + 300)
    assert.equal(await width(), 320)
    await page.locator('.splitter').dblclick()
    await until('it is as at first', async () => (await width()) === usual)
    await press('Home')
    await until('it is at its narrowest', async () => (await width()) === 240)
    await page.locator('.splitter').dblclick()
    await keys.box().click()
  })

  await step('the whole list is one stop for Tab, and the arrows go through it', async () => {
    const entries = page.locator('.entry[href*="/c/"]')
    assert.ok((await entries.count()) >= 2)
    assert.equal(await page.locator('.entry[tabindex="0"]').count(), 1)
    await walk('F6', '.entry')
    await press('End')
    await until('the last one', async () => (await entries.last().and(page.locator(':focus')).count()) > 0)
    await press('Home')
    await until('the first one', async () => (await entries.first().and(page.locator(':focus')).count()) > 0)
    await press('Tab')
    assert.equal(await entries.and(page.locator(':focus')).count(), 0)
  })

  await step('wherever Tab leads, one sees where one is', async () => {
    const stops = new Set()
    for (let presses = 0; presses < 60; presses++) {
      await press('Tab')
      const stop = await page.evaluate(() => {
        const element = document.activeElement
        if (!element || element === document.body) return null
        // The box around the composer shows its focus.
        const shown = (element.matches('textarea') && element.closest('.composer-box')) || element
        const { outlineStyle, outlineWidth } = getComputedStyle(shown)
        const name = element.getAttribute('aria-label') ?? element.textContent
        return { name, seen: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 }
      })
      if (!stop) continue
      assert.ok(stop.seen, `${stop.name} does not show that it has the focus`)
      if (stops.has(stop.name) && stops.size > 8) break
      stops.add(stop.name)
    }
    assert.ok(stops.size > 8, [...stops].join(', '))
  })

  await step('who wants less motion gets none', async () => {
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await press('Control+k')
    await page.getByRole('dialog').waitFor()
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0)
    await press('Escape')
    await page.emulateMedia({ reducedMotion: null })
  })

  await step('where the system chooses the colours, one sees which chat is open and what is chosen', async () => {
    await page.emulateMedia({ forcedColors: 'active' })
    const framed = selector => page.locator(selector).evaluate(e => getComputedStyle(e).outlineStyle === 'solid')
    assert.equal(await framed('.entry[aria-current="page"]'), true)
    await page.getByRole('button', { name: 'Create channel' }).click()
    assert.equal(await framed('.kind:has(:checked)'), true)
    await press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.emulateMedia({ forcedColors: null })
  })

  await step('a menu that is open before the chat is stays open', async () => {
    const late = await Person.at(world)
    await late.signIn(olga.email)
    let come
    const wait = new Promise(resolve => {
      come = resolve
    })
    await late.context.route('**/assets/ChatPane-*.js', async route => {
      await wait
      await route.continue()
    })
    await late.page.reload()
    await late.page.getByRole('button', { name: /^Keyboard / }).click()
    await late.page.getByRole('menu').waitFor()
    come()
    await late.box().waitFor()
    await late.page.locator('.timeline[data-ready]').waitFor()
    assert.equal(await late.page.getByRole('menu').count(), 1)
    await late.leave()
  })

  await step('to my menu, and through it to the settings', async () => {
    await walk('Shift+Tab', '.me-button')
    await press('Enter')
    await page.getByRole('menu').waitFor()
    await press('Escape')
    await page.getByRole('menu').waitFor({ state: 'detached' })
    await focused('.me-button')
    await press('Enter')
    await walk('ArrowDown', '[role="menuitem"]:has-text("Settings")')
    await press('Enter')
    await page.getByRole('heading', { name: 'Account', level: 1 }).waitFor()
    await walk('F6', '.settings-menu .entry')
    await walk('ArrowDown', '.entry:has-text("Appearance")')
    await press('Enter')
    await page.getByRole('heading', { name: 'Appearance', level: 1 }).waitFor()
  })

  await step('another language, at once and after a reload', async () => {
    await walk('Tab', 'select >> nth=1')
    await press('End')
    await page.getByRole('heading', { name: 'Einstellungen' }).waitFor()
    await keys.audit('settings in German')
    await page.goBack()
    await page.goBack()
    await page.getByRole('heading', { name: 'Kanäle' }).waitFor()
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de')
    await page.reload()
    await page.getByRole('heading', { name: 'Kanäle' }).waitFor()
    await page.getByText('Diese Nachricht wurde gelöscht').waitFor()
    await keys.audit('a channel in German')
    await press('Control+/')
    const sheet = page.getByRole('dialog', { name: 'Tastenkürzel' })
    await sheet.getByText('Umschalt').first().waitFor()
    assert.match(await sheet.innerText(), /Strg/)
    const heights = await sheet.locator('kbd').evaluateAll(all => all.map(key => key.offsetHeight))
    assert.equal(new Set(heights).size, 1, 'no key breaks over two lines')
    await press('Escape')
    await sheet.waitFor({ state: 'detached' })
    const german = await Person.at(world, { locale: 'de-DE' })
    await german.page.goto(german.base)
    await german.page.getByRole('heading', { name: 'Bei Parlor anmelden' }).waitFor()
    await german.audit('sign in in German')
    await german.page.goto(`${german.base}/signup`)
    await german.page.getByLabel('Arbeitsbereich').fill('Anderswo')
    await german.page.getByLabel('Dein Name').fill('Gerda')
    await german.page.getByLabel('E-Mail').fill('gerda@e2e.example')
    await german.page.getByLabel('Passwort', { exact: true }).fill('kurz')
    await german.page.getByRole('button', { name: 'Arbeitsbereich anlegen' }).click()
    await german.page.locator('.field-error', { hasText: /^Mindestens 8 Zeichen\.$/ }).waitFor()
    await german.audit('sign up in German, refused')
    await german.leave()
  })

  await step('what is written from right to left goes that way, among what does not', async () => {
    await ben.open('lobby')
    await ben.say('مرحبا hello\n\n- واحد\n- two\n\n> اقتباس\n\n`code` comes last')
    await ben.say('plainly مرحبا')
    await ben.say('مرحبا plainly')
    const row = keys.message('مرحبا hello')
    await row.waitFor()
    const way = locator => locator.first().evaluate(element => getComputedStyle(element).direction)
    for (const [selector, direction] of [
      ['p:has-text("hello")', 'rtl'],
      ['ul', 'rtl'],
      ['blockquote', 'rtl'],
      ['p:has-text("comes last")', 'ltr'],
    ]) {
      assert.equal(await way(row.locator(`.message-body ${selector}`)), direction, selector)
    }
    assert.equal(await way(keys.message('plainly مرحبا').locator('.message-body p')), 'ltr')
    assert.equal(await way(keys.message('مرحبا plainly').locator('.message-body p')), 'rtl')
    const box = page.locator('.composer textarea')
    await box.fill('اكتب')
    assert.equal(await way(box), 'rtl')
    await box.fill('')
    assert.equal((await page.locator('.message-sender bdi, bdi.message-sender').count()) > 0, true)
    await keys.audit('messages from right to left')
  })

  await step('from right to left: everything is on the other side, and nothing hangs over', async () => {
    await page.evaluate(() => {
      document.documentElement.dir = 'rtl'
    })
    await page.locator('.splitter').focus()
    const width = async () => (await page.locator('.sidebar').boundingBox()).width
    const before = await width()
    await press('ArrowLeft')
    await until('the edge goes where the arrow points', async () => (await width()) > before)
    const side = await page.locator('.sidebar').boundingBox()
    const main = await page.locator('.layout-main').boundingBox()
    assert.ok(side.x > main.x, 'the list is on the right')
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0)
    const name = await page.locator('.message-sender').first().boundingBox()
    const picture = await page.locator('.message .avatar').first().boundingBox()
    assert.ok(picture.x > name.x, 'the picture is to the right of the name')
  })
}
