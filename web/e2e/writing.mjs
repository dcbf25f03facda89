// The box: undo, formatting, lists, code, pastes, edits that are kept, and input methods.
import assert from 'node:assert/strict'
import { two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Writing')
  const { page } = olga
  const { keyboard } = page
  const inBox = text => until(`“${text}” is in the box`, async () => (await olga.box().inputValue()) === text)
  const press = async (...all) => {
    for (const key of all) await keyboard.press(key)
  }
  const paste = (data, box = olga.box()) =>
    box.evaluate((element, data) => {
      const clipboardData = new DataTransfer()
      for (const [type, text] of Object.entries(data)) {
        if (type === 'file') clipboardData.items.add(new File([text], 'a.png', { type: 'image/png' }))
        else clipboardData.setData(type, text)
      }
      const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true })
      // What is left to the browser is inserted as text, as it would do.
      if (element.dispatchEvent(event)) document.execCommand('insertText', false, data['text/plain'] ?? '')
    }, data)
  const clear = async () => {
    await olga.box().fill('')
    await olga.box().focus()
  }

  await step('what was typed, formatted and completed can be undone and redone', async () => {
    await olga.box().focus()
    await keyboard.type('one two three')
    await press('Control+z')
    await inBox('')
    await press('Control+Shift+z')
    await inBox('one two three')
    await press('Shift+Home', 'Control+b')
    await inBox('**one two three**')
    await press('Control+z')
    await inBox('one two three')
    await press('End')
    await keyboard.type(' :+1:')
    await inBox('one two three 👍')
    await press('Control+z')
    await inBox('one two three :+1:')
    await clear()
  })

  await step('keys and buttons format what is selected, and a list goes on', async () => {
    await keyboard.type('word')
    await press('Shift+Home', 'Control+i')
    await inBox('_word_')
    await press('Control+i')
    await inBox('word')
    await page.getByRole('toolbar', { name: 'Formatting' }).getByRole('button', { name: 'Strikethrough' }).click()
    await inBox('~~word~~')
    await press('Control+k')
    await inBox('~~[word]()~~')
    assert.equal(await page.getByRole('dialog').count(), 0)
    await clear()
    await keyboard.type('- one')
    await press('Shift+Enter')
    await keyboard.type('two')
    await press('Shift+Enter', 'Shift+Enter')
    await keyboard.type('done')
    await inBox('- one\n- two\ndone')
    await olga.audit('the box with its bar')
    await press('Enter')
    await ben.message('done').locator('li', { hasText: 'two' }).waitFor()
    await press('Control+k')
    const switcher = page.getByRole('dialog', { name: 'Go to' })
    await switcher.waitFor()
    await press('Escape')
  })

  await step('in a block of code Enter is a new line, and behind it Enter sends, with every indentation', async () => {
    await keyboard.type('```js')
    await press('Enter')
    await keyboard.type('  let a')
    await press('Enter')
    await keyboard.type('  let b')
    await inBox('```js\n  let a\n  let b')
    await press('Enter')
    await keyboard.type('```')
    await press('Enter')
    await ben.message('let b').locator('.code-language', { hasText: 'js' }).waitFor()
    await inBox('')
    await olga.box().fill('    indented one\n    indented two')
    await press('Enter')
    const code = ben.message('indented one').locator('pre')
    await until('both lines are code', async () => (await code.innerText()).trimEnd() === 'indented one\nindented two')
    await ben.message('let b').hover()
    await ben.message('let b').getByRole('button', { name: 'Copy code' }).click()
    const copied = () => ben.page.evaluate(() => navigator.clipboard.readText())
    await until('it is copied', async () => (await copied()) === '  let a\n  let b')
  })

  await step('typing goes on at once when Esc closes a dialog or a menu', async () => {
    const dialog = page.getByRole('dialog')
    const menu = page.getByRole('menu')
    const side = page.getByRole('complementary', { name: 'Chats' })
    const row = olga.message('done')
    const opens = [
      [() => press('Control+k'), dialog],
      [() => press('Control+/'), dialog],
      [() => side.getByRole('button', { name: 'Create channel' }).click(), dialog],
      [() => side.getByRole('button', { name: 'Invite people' }).click(), dialog],
      [() => page.getByRole('button', { name: 'More about this chat' }).click(), menu],
      [
        () =>
          page
            .getByRole('banner')
            .getByRole('button', { name: /^Writing/ })
            .click(),
        menu,
      ],
      [() => row.hover().then(() => row.getByRole('button', { name: 'More' }).click()), menu],
    ]
    for (const [open, opened] of opens) {
      await olga.box().focus()
      await open()
      await opened.waitFor()
      await press('Escape')
      await keyboard.type('a b c')
      await inBox('a b c')
      await clear()
    }
  })

  await step('a name is completed neither in code nor by Enter unasked', async () => {
    await keyboard.type('`x :100: y')
    await inBox('`x :100: y')
    await clear()
    await keyboard.type('it returns :ok')
    await page.getByRole('option', { name: ':ok:' }).waitFor()
    await press('Enter')
    await ben.gets('it returns :ok')
    await keyboard.type('see @Be')
    await page.getByRole('option', { name: 'Ben Newcomer' }).waitFor()
    await press('ArrowDown', 'Enter')
    await inBox('see @Ben Newcomer ')
    await keyboard.type('in #lob')
    await page.getByRole('option', { name: 'lobby' }).waitFor()
    await press('Tab')
    await inBox('see @Ben Newcomer in #lobby ')
    await clear()
  })

  await step('an address that is pasted on words is their link, and HTML becomes Markdown', async () => {
    await keyboard.type('see this')
    await press('Shift+Control+ArrowLeft')
    await paste({ 'text/plain': 'https://a.example/x' })
    await inBox('see [this](https://a.example/x)')
    await press('Control+z')
    await inBox('see this')
    await clear()
    await paste({
      'text/plain': 'a b',
      'text/html': '<p><b>a</b> <a href="https://a.example">b</a></p><ul><li>c</li></ul>',
    })
    await inBox('**a** [b](https://a.example)\n\n- c')
    await press('Control+z')
    await inBox('')
    await paste({ 'text/plain': 'const a', 'text/html': '<div style="color:red"><span>const</span> a</div>' })
    await inBox('const a')
    await clear()
  })

  await step('a long paste is sent in parts on request, and far too long a one is told', async () => {
    const lines = Array.from({ length: 1500 }, (_, i) => `line ${i} of the log`).join('\n')
    await paste({ 'text/plain': lines })
    await page
      .getByRole('alert')
      .getByText(/characters too long/)
      .waitFor()
    await olga.audit('a paste that is too long')
    await page.getByRole('button', { name: 'Send as 2 messages' }).click()
    await until(
      'both parts are there',
      async () => (await ben.page.getByRole('button', { name: 'Show more' }).count()) === 2,
    )
    await ben.gets('line 0 of the log')
    await inBox('')
    await keyboard.type('kept')
    const begun = Date.now()
    await paste({ 'text/plain': 'x'.repeat(6_000_000) })
    await page.getByRole('alert').getByText('6,000,000 characters are too long. There is room for 160,000.').waitFor()
    await inBox('kept')
    await olga.box().fill('y'.repeat(1_000_000))
    await page
      .getByRole('alert')
      .getByText(/1,000,000 characters are too long/)
      .waitFor()
    await inBox('kept')
    assert.ok(Date.now() - begun < 30_000, 'the page does not stand still')
    await clear()
  })

  await step('an edit is kept where it was begun, over a reload too, beside the draft', async () => {
    await olga.say('to be edited')
    await ben.gets('to be edited')
    await keyboard.type('a draft')
    await olga.message('to be edited').hover()
    await olga.message('to be edited').getByRole('button', { name: 'Edit' }).click()
    await inBox('to be edited')
    await keyboard.type(', with care')
    await olga.createChannel('elsewhere')
    await inBox('')
    await olga.entry('lobby').locator('.entry-draft').waitFor()
    await olga.open('lobby')
    await inBox('to be edited, with care')
    await page.reload()
    await inBox('to be edited, with care')
    await page.getByText('Editing your message').waitFor()
    await press('Enter')
    await ben.gets('to be edited, with care')
    await inBox('a draft')
    await clear()
  })

  await step('the key that ends a composition sends nothing, in every order of events', async () => {
    const enter = (selector, init) =>
      page.locator(selector).evaluate((element, init) => {
        element.dispatchEvent(new CompositionEvent('compositionend', { data: '日本', bubbles: true }))
        element.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init }))
      }, init)
    const webkit = { keyCode: 229, isComposing: false }
    await keyboard.insertText('日本')
    for (const init of [webkit, { isComposing: true }]) await enter('.composer textarea', init)
    await inBox('日本')
    await keyboard.press('Control+a')
    await keyboard.press('Delete')
    await press('Control+k')
    const dialog = page.getByRole('dialog', { name: 'Go to' })
    await dialog.getByRole('option', { name: /lobby/ }).waitFor()
    for (const init of [webkit, { isComposing: true }]) await enter('.switcher-input', init)
    assert.equal(await dialog.count(), 1)
    await press('Escape', 'Enter')
    // Going back from it takes a moment, and would end a reload.
    await until('its entry is gone', () => page.evaluate(() => !history.state?.dialog))
    assert.equal(await ben.message('日本').count(), 0)
  })

  await step('a file that is dropped or pasted is told that it comes later', async () => {
    const notice = page.getByText('Files cannot be sent yet')
    const isLeft = await page.evaluate(() => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File(['x'], 'a.txt'))
      const drag = type => {
        const init = { dataTransfer, bubbles: true, cancelable: true }
        return document.querySelector('.timeline').dispatchEvent(new DragEvent(type, init))
      }
      return drag('dragover') || drag('drop')
    })
    assert.equal(isLeft, false)
    await notice.waitFor()
    await page.reload()
    await page.locator('.timeline[data-ready]').waitFor()
    assert.equal(await notice.count(), 0)
    await paste({ file: 'x' })
    await notice.waitFor()
    await inBox('')
  })
}
