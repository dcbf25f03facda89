// Messages that are hostile, odd or in other scripts, days that pass, and what could not be loaded.
import assert from 'node:assert/strict'
import { Person, two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Reading')

  await step('a hostile message is unfolded at once, and no other one suffers', async () => {
    const hostile = [
      `${'- '.repeat(7999)}x`,
      `${'>'.repeat(15_999)}x`,
      `|${'a|'.repeat(500)}\n|${'-|'.repeat(500)}\n${'|\n'.repeat(600)}`,
    ]
    for (const text of hostile) await olga.say(text)
    await olga.say('a harmless one')
    await ben.gets('a harmless one')
    const more = ben.page.getByRole('button', { name: 'Show more' })
    await until('all are there', async () => (await more.count()) > 0)
    const begun = Date.now()
    for (let left = 10; (await more.count()) > 0; left--) {
      assert.ok(left > 0)
      await more.first().click()
    }
    await ben.gets('a harmless one')
    assert.ok(Date.now() - begun < 20_000, `${Date.now() - begun} ms`)
    assert.equal(await ben.page.getByText('This could not be shown').count(), 0)
    const isWide = await ben.page.locator('.scroller').evaluate(scroller => scroller.scrollWidth > scroller.clientWidth)
    assert.equal(isWide, false)
  })

  await step('what would show nothing is shown as it was written', async () => {
    await ben.page
      .getByRole('button', { name: /Jump to latest/ })
      .or(ben.box())
      .first()
      .click()
    for (const text of ['#', '[]()', '```js\n```']) {
      await olga.box().fill(text)
      await olga.box().press('Control+Enter')
      await until(text, async () => (await ben.texts()).at(-1).trim() === text)
    }
    await olga.say('🎉')
    await ben.page.locator('.message-body[data-big]', { hasText: '🎉' }).waitFor()
  })

  await step('tables scroll, tasks and code have names, and a wide one is reached by keyboard', async () => {
    const columns = Array.from({ length: 20 }, (_, i) => `column ${i}`)
    await olga
      .box()
      .fill(
        `|${columns.join('|')}|\n|${':-:|'.repeat(20)}\n|${'1|'.repeat(20)}\n\n- [x] told\n\n\`\`\`\n${'wide '.repeat(60)}\n\`\`\``,
      )
    await olga.box().press('Control+Enter')
    const message = ben.message('column 19')
    const wrap = message.locator('.table-wrap')
    await until('it scrolls', () => wrap.evaluate(e => e.scrollWidth > e.clientWidth))
    assert.equal(await wrap.getAttribute('tabindex'), '0')
    await ben.audit('a wide table, a task and wide code')
    await message.locator('pre').hover()
    await message.getByRole('button', { name: 'Wrap lines' }).click()
    await until('it is wrapped', () => message.locator('pre').evaluate(e => e.scrollWidth <= e.clientWidth))
  })

  await step('a long name leaves room for the time', async () => {
    const long = await Person.at(world)
    await long.join(await olga.inviteLink(), `Will ${'W'.repeat(85)}`)
    await long.joinChannel('lobby')
    await long.say('from a long name')
    await ben.gets('from a long name')
    const head = ben.message('from a long name').locator('.message-head')
    const [time, pane] = await Promise.all([
      head.locator('time').boundingBox(),
      ben.page.locator('.scroller').boundingBox(),
    ])
    assert.ok(time.x + time.width <= pane.x + pane.width, 'the time is in the pane')
    const name = await head.locator('.message-sender').evaluate(e => e.textContent.length)
    assert.equal(name, 90)
    await long.leave()
  })

  await step('the days move on at midnight, while nothing else happens', async () => {
    const page = await ben.tab()
    await page.clock.install({ time: new Date(new Date().setHours(23, 58, 0, 0)) })
    await page.goto(ben.page.url())
    await page.locator('.day', { hasText: 'Today' }).waitFor()
    await page.clock.fastForward('05:00')
    await page.locator('.day', { hasText: 'Yesterday' }).waitFor()
    assert.equal(await page.locator('.day', { hasText: 'Today' }).count(), 0)
    await page.close()
  })

  await step('the day stays in sight while one scrolls', async () => {
    await ben.page.locator('.scroller').hover()
    await ben.page.mouse.wheel(0, -600)
    await ben.page.locator('.day-sticky', { hasText: 'Today' }).waitFor()
  })

  await step('what could not be loaded is loaded once it can be', async () => {
    await olga.createChannel('unvisited')
    await olga.say('read me')
    await ben.joinChannel('unvisited')
    await ben.open('lobby')
    await ben.page.reload()
    await ben.sees('lobby')
    const cut = route => route.abort()
    await ben.context.route('**/messages*', cut)
    await ben.entry('unvisited').click()
    await ben.page.getByText('The messages could not be loaded').waitFor()
    await ben.context.unroute('**/messages*', cut)
    await ben.gets('read me')
  })

  await step('density and the size of the text are chosen, act at once, and stay', async () => {
    const { page } = olga
    const choose = async (label, value) => {
      const chat = page.url()
      await olga.settings('Appearance')
      await page.getByLabel(label).selectOption(value)
      if (value !== 'Normal') await olga.audit(`${label}: ${value}`)
      await page.goto(chat)
      await page.locator('.timeline[data-ready] .avatar-l').first().waitFor()
    }
    const look = () =>
      page.evaluate(() => [
        getComputedStyle(document.documentElement).fontSize,
        document.querySelector('.avatar-l').getBoundingClientRect().width,
      ])
    assert.deepEqual(await look(), ['16px', 38])
    await choose('Density', 'Compact')
    assert.deepEqual(await look(), ['16px', 28])
    await choose('Text size', 'Largest')
    assert.deepEqual(await look(), ['20px', 35])
    await page.reload()
    await page.locator('.timeline[data-ready] .avatar-l').first().waitFor()
    assert.deepEqual(await look(), ['20px', 35])
    await choose('Text size', 'Normal')
    await choose('Density', 'Comfortable')
    assert.deepEqual(await look(), ['16px', 38])
  })
}
