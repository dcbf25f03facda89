// A channel of 20,000 messages: it opens at once, and scrolls to its beginning and end without
// jumps.
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { two } from './browser.mjs'
import { until } from './until.mjs'

const COUNT = 20_000

export async function steps(step, world) {
  const { parlor } = world
  const { olga, ben } = await two(world, 'Long', 'archive')
  const { page } = olga
  const scroller = page.locator('.scroller')
  const gap = () => scroller.evaluate(e => Math.round(e.scrollHeight - e.scrollTop - e.clientHeight))
  /** The numbers of the visible messages, from top to bottom. */
  const numbers = () =>
    page.locator('.message-body').evaluateAll(all => all.map(e => Number(/^number (\d+)/.exec(e.textContent)?.[1])))
  const inOrder = async () => {
    const seen = await numbers()
    for (let i = 1; i < seen.length; i++) assert.equal(seen[i], seen[i - 1] + 1, `in order: ${seen}`)
    return seen
  }
  const address = page.url()
  const chat = new URL(address).pathname.split('/').at(-1)

  await step('a channel of 20,000 messages opens at its end', async () => {
    // No page may be open while the messages are inserted.
    await page.goto('about:blank')
    await ben.page.goto('about:blank')
    await parlor.sql('delete from messages where chat_id = $1', [chat])
    await parlor.sql(
      `insert into messages (id, workspace_id, chat_id, seq, root_no, sender_id, body, created_at)
       select gen_random_uuid(), c.workspace_id, c.id, n, n, m.user_id,
              'number ' || n || repeat(' word', (n * 7) % 60) || case when n % 50 = 0 then E'\\n\\n\`\`\`rust\\nlet n = ' || n || E';\\n\`\`\`' else '' end,
              now() - make_interval(secs => ($2 - n) * 40)
       from chats c join chat_members m on m.chat_id = c.id and m.role = 'owner', generate_series(1, $2::int) n
       where c.id = $1`,
      [chat, COUNT],
    )
    await parlor.sql('update chats set last_seq = $2, last_root_no = $2 where id = $1', [chat, COUNT])
    await parlor.sql(
      `update chat_members set read_seq = case when role = 'owner' then $2 else $2 - 100 end where chat_id = $1`,
      [chat, COUNT],
    )
    await page.goto(address)
    await olga.sees('archive')
    await until('it is at the end', async () => (await inOrder()).at(-1) === COUNT && (await gap()) <= 2)
    assert.ok((await page.locator('.message').count()) < 80, 'only what is near the eye is drawn')
  })

  for (const [direction, by] of [
    ['up', -1],
    ['down', 1],
  ]) {
    await step(`scrolling ${direction} little by little, in each frame everything is where it must be`, async () => {
      const session = await olga.context.newCDPSession(page)
      // As on a slow machine: rows are measured late, and pages arrive while scrolling.
      await session.send('Emulation.setCPUThrottlingRate', { rate: 2 })
      const { steps, wrong } = await scroller.evaluate(scrollThrough, by)
      await session.send('Emulation.setCPUThrottlingRate', { rate: 1 })
      await session.detach()
      assert.ok(steps > 120, `only ${steps} steps could be looked at`)
      assert.deepEqual(wrong, [])
    })
  }

  await step('what is last in sight stays there while the box below grows, at the end and elsewhere', async () => {
    const box = page.locator('.composer textarea')
    const lowest = () =>
      scroller.evaluate(async e => {
        // A frame is drawn after the observers of sizes have run; what they correct is never seen.
        await new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))
        const { bottom } = e.getBoundingClientRect()
        const rows = [...e.querySelectorAll('.message')].map(row => [row.getBoundingClientRect(), row.textContent])
        const last = rows.findLast(([rect]) => rect.top < bottom)
        // Right after a jump, the rows there are not drawn yet.
        return last ? { text: last[1], below: Math.round(last[0].bottom - bottom) } : null
      })
    for (const place of ['the end', 'elsewhere']) {
      if (place === 'elsewhere') await scroller.evaluate(e => e.scrollBy({ top: -1500 }))
      await until('it rests', async () => {
        const [one, other] = [await lowest(), await lowest()]
        return one !== null && isDeepStrictEqual(one, other)
      })
      const before = await lowest()
      const height = await scroller.evaluate(e => e.clientHeight)
      await box.fill('a\nb\nc\nd\ne\nf')
      await until('the box has grown', async () => (await scroller.evaluate(e => e.clientHeight)) < height - 80)
      assert.deepEqual(await lowest(), before, `${place}, with a box of six lines`)
      await box.fill('')
      await until('it is small again', async () => (await scroller.evaluate(e => e.clientHeight)) === height)
      assert.deepEqual(await lowest(), before, `${place}, with a box of one line again`)
      for (let line = 0; line < 6; line++) {
        await page.keyboard.press('Shift+Enter')
        await page.keyboard.type('ab')
        assert.deepEqual(await lowest(), before, `${place}, in line ${line} of what is typed`)
      }
      // As with a key held down: several in a frame.
      for (let key = 0; key < 18; key++) await page.keyboard.press('Backspace')
      await until('it is small again', async () => (await scroller.evaluate(e => e.clientHeight)) === height)
      assert.deepEqual(await lowest(), before, `${place}, with all of it taken back`)
    }
    await page.locator('.to-end').click()
    await until('the end', async () => (await gap()) <= 2)
  })

  await step('the end stays in sight while the size of the text or the density changes', async () => {
    const change = (choice, value) =>
      page.evaluate(
        ([choice, value]) => {
          document.documentElement.dataset[choice] = value
        },
        [choice, value],
      )
    const height = () => scroller.evaluate(e => e.scrollHeight)
    for (const [choice, value] of [
      ['text', 'largest'],
      ['text', 'small'],
      ['text', 'normal'],
      ['density', 'compact'],
      ['density', 'comfortable'],
    ]) {
      const before = await height()
      await change(choice, value)
      await until('the rows have other heights', async () => (await height()) !== before)
      await until(`it is at the end: ${value}`, async () => (await inOrder()).at(-1) === COUNT && (await gap()) <= 2)
    }
  })

  await step('up to the very first message', async () => {
    let least = COUNT
    await until(
      'the beginning',
      async () => {
        await scroller.evaluate(e => e.scrollTo({ top: 0 }))
        const seen = await inOrder()
        if (seen.length > 0) least = Math.min(least, seen[0])
        return (await page.locator('.beginning').count()) > 0 && least === 1
      },
      300_000,
    )
    assert.ok((await page.locator('.message').count()) < 80)
    await olga.audit('the beginning of a channel')
  })

  await step('and down again, to the very last', async () => {
    let most = 0
    await until(
      'the end',
      async () => {
        await scroller.evaluate(e => e.scrollTo({ top: e.scrollHeight }))
        const seen = await inOrder()
        most = Math.max(most, seen.at(-1) ?? 0)
        return most === COUNT && (await gap()) <= 2
      },
      300_000,
    )
    await page.getByRole('button', { name: /Jump to latest/ }).waitFor({ state: 'detached' })
  })

  await step('who goes far by keys does not lose the focus with the message that had it', async () => {
    const { keyboard } = page
    let goOn = () => {}
    const held = new Promise(resolve => {
      goOn = resolve
    })
    await page.route(/before=/, async route => {
      await held
      await route.continue()
    })
    await scroller.focus()
    await keyboard.press('ArrowUp')
    await page.locator('.message:focus').waitFor()
    const asked = page.waitForRequest(/before=/)
    await keyboard.press('Home')
    await asked
    await until('the list has it', async () => (await page.locator('.scroller:focus').count()) === 1)
    await until('the arrows lead on', async () => {
      await keyboard.press('ArrowDown')
      return (await page.locator('.message:focus').count()) === 1
    })
    await page.getByRole('button', { name: /Jump to latest/ }).focus()
    await keyboard.press('Enter')
    const isAtTheEnd = async () => (await inOrder()).at(-1) === COUNT && (await gap()) <= 2
    await until('it is at the end', isAtTheEnd)
    // The older page is of no use any more.
    const answered = page.waitForResponse(/before=/)
    goOn()
    await (await answered).finished()
    await page.unroute(/before=/)
    assert.equal(await page.getByRole('button', { name: /Jump to latest/ }).count(), 0)
    await until('it is at the end still', isAtTheEnd)
    assert.equal(await page.locator('.scroller:focus').count(), 1)
  })

  await step('a link into the middle, and back to the newest by one press', async () => {
    await page.goto(`${address}/12345`)
    await page.locator('.message[data-marked]', { hasText: 'number 12345' }).waitFor()
    await until('it is in view', async () => {
      const at = await page.locator('.message[data-marked]').boundingBox()
      return at && at.y > 50 && at.y < 700
    })
    await page.getByRole('button', { name: /Jump to latest/ }).click()
    await until('it is at the end', async () => (await inOrder()).at(-1) === COUNT && (await gap()) <= 2)
  })

  await step('who has not read it all begins at the first unread', async () => {
    await ben.page.goto(address)
    await ben.sees('archive')
    await until('the line is in view', async () => {
      const at = await ben.page.locator('.unread-line').boundingBox()
      return at && at.y > 0 && at.y < 500
    })
    await ben.gets(`number ${COUNT - 99}`)
  })

  await step('what was read of it counts: another time one goes on from there', async () => {
    await ben.page.locator('.scroller').hover()
    await until('half of it was in sight', async () => {
      await ben.page.mouse.wheel(0, 200)
      return (await ben.unread('archive')) < 60
    })
    await ben.createChannel('aside')
    let before = -1
    const left = await until('the count is at rest', async () => {
      const last = before
      before = await ben.unread('archive')
      return last === before && before
    })
    assert.ok(left > 20, `${left} are left`)
    await ben.open('archive')
    await until('the line is in view', async () => {
      const at = await ben.page.locator('.unread-line').boundingBox()
      return at && at.y > 0 && at.y < 500
    })
    await ben.gets(`number ${COUNT - left + 1} `)
  })

  await step('what is written meanwhile does not move what one reads, and is told', async () => {
    const where = () => ben.page.locator('.unread-line').boundingBox()
    const before = await where()
    const news = ben.page.getByRole('button', { name: /^\d+ new messages/ })
    const below = async () => COUNT + 1 - (await ben.page.locator('.scroller').evaluate(lowestSeen))
    await olga.say('number 20001 is news')
    await until('it counts what is below', async () => Number.parseInt(await news.innerText(), 10) === (await below()))
    assert.ok((await below()) > 1)
    assert.ok(Math.abs((await where()).y - before.y) <= 3)
    await news.click()
    await ben.gets('number 20001 is news')
    await until('all is read', async () => (await ben.unread('archive')) === 0)
  })

  await step('the end stays in sight when what waited to be sent is sent below what came meanwhile', async () => {
    await olga.page.goto(address)
    await until('it begins at the end', async () => (await page.locator('.message').count()) > 0 && (await gap()) <= 2)
    await olga.context.setOffline(true)
    await olga.say('waits, first')
    await olga.say('waits, second')
    await ben.open('archive')
    await ben.say('came meanwhile')
    await ben.gets('came meanwhile')
    await olga.context.setOffline(false)
    await page.getByText(/to send/).waitFor({ state: 'detached' })
    await olga.gets('came meanwhile')
    await until('it is at the end', async () => (await gap()) <= 2)
  })
}

/**
 * Scrolls by steps of several sizes. After each step, and again a frame later, a message in the
 * middle must have moved by exactly that step. Returns the steps where it had not.
 */
async function scrollThrough(element, sign) {
  const frame = () => new Promise(resolve => requestAnimationFrame(resolve))
  // Resolves in a task after the frame was painted.
  const painted = async () => {
    await frame()
    await new Promise(resolve => {
      const { port1, port2 } = new MessageChannel()
      port1.onmessage = resolve
      port2.postMessage(null)
    })
  }
  const wrong = []
  let steps = 0
  for (let i = 0; i < 150; i++) {
    const step = sign * [120, 40, 250, 7, 400][i % 5]
    const middle = element.getBoundingClientRect().top + element.clientHeight / 2
    const rows = [...element.querySelectorAll('.message')]
    const row = rows.find(r => r.getBoundingClientRect().top > middle + step / 2) ?? rows.at(-1)
    const before = row.getBoundingClientRect().top
    const text = row.textContent.slice(0, 20)
    const at = element.scrollTop
    element.scrollTop += step
    // A row above changes its height late, as with a font or highlighted code.
    const above = rows.findLast(r => r.getBoundingClientRect().bottom < element.getBoundingClientRect().top - 1)
    if (above && i % 4 === 1) above.style.paddingBottom = `${2 + (i % 9)}px`
    // Near an end, the scroller moves less than the step.
    const moved = element.scrollTop - at
    for (const when of ['at once', 'a frame later']) {
      await painted()
      if (!row.isConnected || row.textContent.slice(0, 20) !== text) continue
      const off = row.getBoundingClientRect().top - before + moved
      if (Math.abs(off) > 1) wrong.push(`step ${i} of ${moved}: ${text}… is off by ${off} ${when}`)
      else if (when === 'at once') steps++
    }
  }
  return { steps, wrong }
}

/** The number of the lowest message that is fully visible. */
function lowestSeen(element) {
  const { bottom } = element.getBoundingClientRect()
  const seen = [...element.querySelectorAll('.message')].filter(row => row.getBoundingClientRect().bottom <= bottom)
  return Number(/^number (\d+)/.exec(seen.at(-1).querySelector('.message-body').textContent)?.[1])
}
