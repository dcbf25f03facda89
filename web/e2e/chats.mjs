// Chats of each kind, and their members.
import assert from 'node:assert/strict'
import { Person, two } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const { olga, ben } = await two(world, 'Chats')
  const cara = await Person.at({ ...world, stamp: `${world.stamp}c` })
  await cara.join(await olga.inviteLink(), 'Cara Third')
  const { page } = olga
  const dialog = page.getByRole('dialog')
  const newChat = async kind => {
    const button = kind.endsWith('hannel') ? 'Create channel' : 'New message'
    await page.getByRole('navigation', { name: 'Chats' }).getByRole('button', { name: button }).click()
    await dialog.getByText(kind, { exact: true }).click()
  }
  const choose = async (label, name) => {
    await dialog.getByRole('combobox', { name: label }).fill(name)
    await dialog.getByRole('option', { name: new RegExp(name) }).click()
  }

  const menuOf = async (person, text) => {
    const message = person.message(text)
    await message.hover()
    await message.getByRole('button', { name: 'More', exact: true }).click()
    await person.page.getByRole('menuitem', { name: 'Copy text' }).waitFor()
  }

  await step('a single chat by the switcher, with an unread badge for the other', async () => {
    await page.keyboard.press('Control+k')
    await page.keyboard.type('Ben')
    await page.getByRole('option', { name: /Ben Newcomer/ }).waitFor()
    await olga.audit('switcher')
    await page.keyboard.press('Enter')
    await olga.sees('Ben Newcomer')
    await olga.audit('an empty chat')
    await until('the title names it', async () => (await page.title()).startsWith('Ben Newcomer · '))
    await olga.say('just us')
    await ben.entry('Olga Owner').locator('.badge').waitFor()
    await ben.open('Olga Owner')
    await ben.gets('just us')
    await ben.entry('Olga Owner').locator('.badge').waitFor({ state: 'detached' })
    await ben.say('just us two')
    await olga.gets('just us two')
  })

  await step('the switcher knows # and @, and channels that one is not in', async () => {
    await olga.createChannel('gardening')
    await olga.open('Ben Newcomer')
    const { page } = cara
    const options = page.getByRole('option')
    const find = async (text, wanted) => {
      await page.getByRole('combobox').fill(text)
      await until(`${text} finds ${wanted}`, async () => (await options.allInnerTexts()).join('|') === wanted)
    }
    await page.keyboard.press('Control+k')
    await find('#gard', 'gardening\nNot joined')
    await cara.audit('switcher, a channel to join')
    await find('@ben', 'BN\nBen Newcomer\nNew conversation')
    await find('@gardening', '')
    await find('garde', 'gardening\nNot joined')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Join', exact: true }).click()
    await cara.sees('gardening')
    await ben.joinChannel('gardening')
    await ben.open('Olga Owner')
  })

  await step('asking for the same single chat again is the same chat', async () => {
    const address = page.url()
    await olga.open('lobby')
    await newChat('Direct message')
    await choose('With whom?', 'Ben Newcomer')
    await olga.audit('new chat, one person')
    await dialog.getByRole('button', { name: 'Start' }).click()
    await olga.sees('Ben Newcomer')
    assert.equal(page.url(), address)
  })

  await step('a group of three, whose name is its people', async () => {
    await newChat('Group')
    assert.equal(await dialog.getByRole('button', { name: 'Create' }).isDisabled(), true)
    await choose('People', 'Ben Newcomer')
    await choose('People', 'Cara Third')
    await olga.audit('new chat, group')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await olga.sees('Ben, Cara')
    await olga.say('hello you two')
    await cara.entry('Olga, Ben').locator('.badge').waitFor()
    await cara.open('Olga, Ben')
    await cara.gets('hello you two')
  })

  await step('the owner of a group is not offered to delete what others wrote', async () => {
    await cara.say('mine to delete')
    await olga.gets('mine to delete')
    await menuOf(olga, 'mine to delete')
    assert.equal(await page.getByRole('menuitem', { name: 'Delete' }).count(), 0)
    await page.keyboard.press('Escape')
    await menuOf(cara, 'mine to delete')
    await cara.page.getByRole('menuitem', { name: 'Delete' }).waitFor()
    await cara.page.keyboard.press('Escape')
  })

  await step('a member of a group may rename it', async () => {
    await cara.page.getByRole('button', { name: 'More about this chat' }).click()
    await cara.page.getByRole('menuitem', { name: 'Rename' }).waitFor()
    assert.equal(await cara.page.getByRole('menuitem', { name: 'Delete for everyone' }).count(), 0)
    await cara.page.keyboard.press('Escape')
  })

  await step('who becomes an admin is offered at once what admins may do in channels', async () => {
    await olga.open('lobby')
    await olga.say('said by the owner')
    await ben.open('lobby')
    await ben.gets('said by the owner')
    const offered = async what => {
      await ben.page.getByRole('button', { name: 'More about this chat' }).click()
      await ben.page.getByRole('menuitem', { name: 'Leave' }).waitFor()
      const count = await ben.page.getByRole('menuitem', { name: what }).count()
      await ben.page.keyboard.press('Escape')
      await ben.page.getByRole('menu').waitFor({ state: 'detached' })
      return count > 0
    }
    assert.equal(await offered('Rename'), false)
    const change = 'update users set role = $2 where account_id = (select id from accounts where email = $1)'
    await world.parlor.sql(change, [ben.email, 'admin'])
    await until('Ben is offered Rename', () => offered('Rename'))
    await menuOf(ben, 'said by the owner')
    await ben.page.getByRole('menuitem', { name: 'Delete' }).waitFor()
    await ben.page.keyboard.press('Escape')
    await cara.joinChannel('lobby')
    await ben.page.getByRole('button', { name: /^\d+ members$/ }).click()
    await ben.page.getByRole('button', { name: 'Remove Cara Third' }).waitFor()
    await ben.page.getByRole('button', { name: 'Make Cara Third the owner' }).waitFor()
    assert.equal(await ben.page.getByRole('button', { name: 'Remove Olga Owner' }).count(), 0)
    await ben.page.getByRole('button', { name: 'Remove Cara Third' }).click()
    await ben.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await cara.entry('lobby').waitFor({ state: 'detached' })
    await world.parlor.sql(change, [ben.email, 'member'])
    await ben.page.getByRole('button', { name: 'Make Cara Third the owner' }).waitFor({ state: 'detached' })
    await until('Ben is offered Rename no more', async () => !(await offered('Rename')))
    await ben.page.getByRole('button', { name: 'Close members' }).click()
    await cara.open('Olga, Ben')
    await olga.open('Ben, Cara')
  })

  await step('a name, and a picture, lead to the chat of two', async () => {
    await cara.message('hello you two').getByRole('button', { name: 'Olga Owner' }).click()
    await cara.audit('who that is')
    await cara.page.getByRole('menuitem', { name: 'Message Olga Owner' }).click()
    await cara.sees('Olga Owner')
    await cara.open('Olga, Ben')
    await cara.message('hello you two').locator('.avatar').click()
    await cara.page.getByRole('menuitem', { name: 'Message Olga Owner' }).waitFor()
    await cara.page.keyboard.press('Escape')
    await cara.page.getByRole('menu').waitFor({ state: 'detached' })
    await cara.page.getByRole('button', { name: /^\d+ members$/ }).click()
    const members = cara.page.getByRole('complementary', { name: 'Members' })
    await members.getByRole('button', { name: 'Ben Newcomer' }).click()
    await cara.page.getByRole('menuitem', { name: 'Message Ben Newcomer' }).click()
    await cara.sees('Ben Newcomer')
    await cara.open('Olga, Ben')
    await cara.say('hello from Cara')
    await olga.gets('hello from Cara')
  })

  await step('a private channel is for those who were added', async () => {
    await newChat('Private channel')
    await olga.audit('new chat, private channel')
    await dialog.getByLabel('Name', { exact: true }).fill('secrets')
    await dialog.getByLabel('What is it about?').fill('Nobody else')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await olga.sees('secrets')
    await ben.page.getByRole('link', { name: 'Browse channels' }).click()
    await ben.page.getByText('You have joined every channel').waitFor()
    await ben.page.getByRole('main').getByRole('link', { name: 'lobby' }).waitFor()
    await ben.audit('browse, empty')
    assert.equal(await ben.entry('secrets').count(), 0)
    await page.getByRole('button', { name: /^\d+ members?$/ }).click()
    await page.getByRole('button', { name: 'Add people' }).click()
    await choose('Who?', 'Ben Newcomer')
    await olga.audit('add people')
    await dialog.getByRole('button', { name: 'Add' }).click()
    await page.getByRole('complementary', { name: 'Members' }).getByText('Ben Newcomer').waitFor()
    await ben.open('secrets')
    await olga.say('between us')
    await ben.gets('between us')
  })

  await step('a name that is taken stands at its field', async () => {
    await cara.createChannel('taken')
    await newChat('Channel')
    await dialog.getByLabel('Name', { exact: true }).fill('Taken')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await dialog.getByText('There is already a channel with this name').waitFor()
    await olga.audit('new chat, refused')
    await page.keyboard.press('Escape')
  })

  await step('rename, for everybody', async () => {
    await page.getByRole('button', { name: 'More about this chat' }).click()
    await olga.audit('chat menu')
    await page.getByRole('menuitem', { name: 'Rename' }).click()
    await olga.audit('rename')
    await dialog.getByLabel('Name').fill('well-kept')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await olga.sees('well-kept')
    await ben.sees('well-kept')
  })

  await step('ownership passes on', async () => {
    const members = page.getByRole('complementary', { name: 'Members' })
    await olga.audit('members')
    await members.getByRole('button', { name: 'Make Ben Newcomer the owner' }).click()
    await olga.audit('hand over?')
    await dialog.getByRole('button', { name: 'Transfer ownership' }).click()
    await members
      .getByRole('button', { name: /the owner/ })
      .first()
      .waitFor({ state: 'detached' })
    await ben.page.getByRole('button', { name: /^\d+ members?$/ }).click()
    await ben.page.getByRole('button', { name: 'Make Olga Owner the owner' }).waitFor()
  })

  await step('who is removed no longer has the chat', async () => {
    await ben.page.getByRole('button', { name: 'Remove Olga Owner' }).click()
    await ben.audit('remove?')
    await ben.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await page.getByText('You are no longer in this conversation').waitFor()
    await olga.audit('no longer in it')
    await olga.entry('well-kept').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Back to your chats' }).click()
  })

  await step(
    'on a wide screen the messages and the box share one measure, and the topic is beside the name',
    async () => {
      await page.setViewportSize({ width: 2200, height: 900 })
      await olga.open('lobby')
      await page.getByRole('button', { name: 'More about this chat' }).click()
      await page.getByRole('menuitem', { name: 'Rename' }).click()
      await dialog.getByLabel('What is it about?').fill('A long account of what it is about. '.repeat(12))
      await dialog.getByRole('button', { name: 'Save' }).click()
      const topic = page.locator('.chat-head p')
      await topic.waitFor()
      const boxOf = selector => page.locator(selector).last().boundingBox()
      const [row, composer, main] = await Promise.all(['.scroller-row', '.composer', '.chat'].map(boxOf))
      assert.deepEqual([row.width, composer.width], [868, 868])
      assert.ok(main.width > 1500)
      const [name, about] = [await boxOf('.chat-head h1'), await topic.boundingBox()]
      assert.ok(about.x > name.x + name.width && Math.abs(about.y + about.height - name.y - name.height) < 8)
      assert.ok(about.x + about.width <= (await boxOf('.members-button')).x, 'a long one ends before the buttons')
      await page.setViewportSize({ width: 1200, height: 760 })
      assert.equal(await page.locator('.chat-head h1').evaluate(e => e.scrollWidth > e.clientWidth), false)
    },
  )

  await step('leave a channel, and find it again', async () => {
    await cara.joinChannel('lobby')
    await cara.page.getByRole('button', { name: 'More about this chat' }).click()
    await cara.page.getByRole('menuitem', { name: 'Leave' }).click()
    await cara.audit('leave?')
    await cara.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click()
    await cara.entry('lobby').waitFor({ state: 'detached' })
    await cara.page.getByRole('link', { name: 'Browse channels' }).click()
    await cara.page.getByRole('button', { name: 'Join lobby' }).waitFor()
    await cara.audit('browse')
    await cara.page.getByRole('button', { name: 'Join lobby' }).click()
    await cara.sees('lobby')
  })

  await step('an owner cannot leave, and is told what to do instead', async () => {
    await olga.open('lobby')
    await page.getByRole('button', { name: 'More about this chat' }).click()
    await page.getByRole('menuitem', { name: 'Leave' }).click()
    await dialog.getByRole('button', { name: 'Leave' }).click()
    const reason = dialog.getByText('Make someone else the owner before you leave')
    await reason.waitFor()
    const fits = await reason.evaluate(
      e => e.scrollWidth <= e.clientWidth && getComputedStyle(e).whiteSpace !== 'nowrap',
    )
    assert.ok(fits, 'all of the reason is seen')
    await olga.audit('leave, refused')
    await dialog.getByRole('button', { name: 'Cancel' }).click()
  })

  await step('delete a channel, for everybody', async () => {
    await page.getByRole('button', { name: 'More about this chat' }).click()
    await page.getByRole('menuitem', { name: 'Delete for everyone' }).click()
    await olga.audit('delete a chat?')
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await olga.entry('lobby').waitFor({ state: 'detached' })
    await cara.entry('lobby').waitFor({ state: 'detached' })
    await until('Cara is told', async () => (await cara.page.getByText('This conversation was deleted').count()) > 0)
    await cara.audit('a deleted chat')
    await cara.page.reload()
    await cara.page.getByText('This conversation is not available').waitFor()
  })
}
