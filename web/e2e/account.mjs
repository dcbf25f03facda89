// Accounts: signing up, invitations, settings, sessions, signing out.
import assert from 'node:assert/strict'
import { Person } from './browser.mjs'
import { until } from './until.mjs'

export async function steps(step, world) {
  const [olga, ben] = [await Person.at(world), await Person.at(world)]
  const { stamp } = world
  let link = ''

  await step('sign up with a new workspace, which says what to do first', async () => {
    await olga.page.goto(`${olga.base}/signup`)
    await olga.page.getByRole('heading', { name: 'Create a workspace' }).waitFor()
    await olga.audit('sign up')
    await olga.signUp(`Team ${stamp}`, 'Olga Owner')
    await olga.page.getByText('Nobody else is here yet').waitFor()
    await olga.audit('empty workspace')
    const steps = olga.page.getByRole('region', { name: 'First steps' })
    assert.equal(await steps.getByRole('button', { name: 'Create a channel' }).count(), 1)
    assert.equal(await steps.getByRole('listitem').count(), 3)
  })

  await step('a wrong password is told, and nothing else', async () => {
    const { page } = ben
    await page.goto(ben.base)
    await page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await page.getByLabel('E-mail').fill(olga.email)
    await page.getByLabel('Password', { exact: true }).fill('wrong horse')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Wrong e-mail or password').waitFor()
    await ben.audit('sign in, refused')
    await page.getByText(new URL(ben.base).host).waitFor()
    await page.getByRole('button', { name: 'Show password' }).click()
    assert.equal(await page.getByLabel('Password', { exact: true }).getAttribute('type'), 'text')
    await page.getByRole('button', { name: 'Hide password' }).click()
    assert.equal(await page.getByLabel('Password', { exact: true }).getAttribute('type'), 'password')
  })

  await step('what is wrong with a form stands at its field', async () => {
    const { page } = ben
    await page.goto(`${ben.base}/signup`)
    await page.getByLabel('Workspace').fill('Elsewhere')
    await page.getByLabel('Your name').fill('Ben')
    await page.getByLabel('E-mail').fill('ben@e2e.example')
    await page.getByLabel('Password', { exact: true }).fill('short')
    await page.getByRole('button', { name: 'Create workspace' }).click()
    await until(
      'the field is marked',
      async () => (await page.getByLabel('Password', { exact: true }).getAttribute('aria-invalid')) === 'true',
    )
    await until('it has the focus', async () => (await page.locator('input[name="password"]:focus').count()) === 1)
    await ben.audit('sign up, refused')
  })

  await step('invite by link, and join by it', async () => {
    await olga.page.getByRole('main').getByRole('button', { name: 'Invite people' }).click()
    await olga.audit('invite')
    await olga.page.getByRole('button', { name: 'Create link' }).click()
    link = await olga.page.getByLabel('Invitation link').inputValue()
    await olga.audit('invitation link')
    await olga.page.getByRole('button', { name: 'Copy' }).click()
    assert.equal(await olga.page.evaluate(() => navigator.clipboard.readText()), link)
    await olga.page.keyboard.press('Escape')
    await ben.page.goto(link)
    await ben.page.getByRole('heading', { name: `Join Team ${stamp}` }).waitFor()
    await ben.audit('join')
    await ben.join(link, 'Ben Newcomer')
  })

  await step('who was invited finds the people and the channels there are, and no button that is refused', async () => {
    const { page } = ben
    const main = page.getByRole('main')
    await main.getByRole('heading', { name: `Welcome to Team ${stamp}` }).waitFor()
    await main.getByRole('button', { name: 'Message Olga Owner' }).waitFor()
    assert.equal(await page.getByRole('button', { name: /Invite/ }).count(), 0)
    await ben.audit('the home of who was invited')
    // The page follows what others do, and the inviter sees who has come.
    await olga.page.getByRole('main').getByRole('button', { name: 'Message Ben Newcomer' }).waitFor()
    const steps = olga.page.getByRole('region', { name: 'First steps' })
    await until(
      'two are left',
      async () => (await steps.getByRole('button', { name: /channel|notifications/ }).count()) === 2,
    )
    assert.equal(await steps.getByRole('button', { name: 'Invite your colleagues' }).count(), 0)
    await olga.createChannel('first')
    await until(
      'that one is ticked off',
      async () => (await steps.getByRole('button', { name: 'Create a channel' }).count()) === 0,
    )
    await olga.audit('the first steps')
    await main.getByRole('button', { name: 'Join first' }).waitFor()
    await main.getByRole('button', { name: 'Message Olga Owner' }).click()
    await ben.sees('Olga Owner')
    await page.getByRole('link', { name: 'Browse channels' }).click()
    await page.getByRole('link', { name: 'first' }).click()
    await page.getByRole('button', { name: 'Join', exact: true }).click()
    await ben.sees('first')
    await page
      .getByRole('region', { name: 'First steps' })
      .getByRole('button', { name: 'Hide the first steps' })
      .click()
    await page.reload()
    await ben.sees('first')
    await page.getByRole('region', { name: 'Direct messages' }).waitFor()
    assert.equal(await page.getByRole('region', { name: 'First steps' }).count(), 0)
  })

  await step('notifications are turned on by the list of first steps, which is then done', async () => {
    await olga.context.grantPermissions(['notifications', 'clipboard-read', 'clipboard-write'])
    const steps = olga.page.getByRole('region', { name: 'First steps' })
    await steps.getByRole('button', { name: 'Turn on notifications' }).click()
    await steps.waitFor({ state: 'detached' })
    assert.equal(await olga.page.evaluate(() => localStorage.getItem('parlor.notify')), 'direct')
    await olga.context.grantPermissions(['clipboard-read', 'clipboard-write'])
  })

  await step('an invitation that nobody made is refused in words', async () => {
    const stranger = await Person.at(world)
    await stranger.page.goto(`${stranger.base}/signup?invite=nobody-made-this`)
    await stranger.page.getByRole('heading', { name: 'This invitation is not valid' }).waitFor()
    await stranger.audit('bad invitation')
    await stranger.leave()
  })

  await step('somebody who is signed in joins another workspace, and switches between them', async () => {
    const nora = await Person.at(world)
    await nora.signUp(`Other ${stamp}`, 'Nora North')
    const other = await nora.inviteLink()
    await ben.page.goto(other)
    await ben.page.getByRole('heading', { name: `Join Other ${stamp}` }).waitFor()
    await ben.audit('join, signed in')
    await ben.page.getByRole('button', { name: 'Join' }).click()
    await ben.page.getByRole('button', { name: `Other ${stamp}` }).waitFor()
    await ben.page.getByRole('button', { name: `Other ${stamp}` }).click()
    await ben.audit('menu of the workspaces')
    await ben.page.getByRole('menuitem', { name: `Team ${stamp}` }).click()
    await ben.page.getByRole('button', { name: `Team ${stamp}` }).waitFor()
    await ben.page.reload()
    await ben.page.getByRole('button', { name: `Team ${stamp}` }).waitFor()
    await nora.leave()
  })

  await step('an invitation is not lost on the way through the sign-in', async () => {
    const lena = await Person.at(world)
    await lena.signUp(`Third ${stamp}`, 'Lena Late')
    await lena.context.clearCookies()
    await lena.page.goto(link)
    await lena.page.getByRole('link', { name: 'Sign in' }).click()
    await lena.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await lena.audit('sign in with an invitation')
    await lena.page.getByLabel('E-mail').fill(lena.email)
    await lena.page.getByLabel('Password', { exact: true }).fill('correct horse')
    await lena.page.getByRole('button', { name: 'Sign in' }).click()
    await lena.page.getByRole('heading', { name: `Join Team ${stamp}` }).waitFor()
    await lena.page.getByRole('button', { name: 'Join' }).click()
    await lena.page.getByRole('button', { name: `Team ${stamp}` }).waitFor()
    await lena.leave()
  })

  await step('somebody who is signed in makes another workspace', async () => {
    await ben.page.getByRole('button', { name: `Team ${stamp}` }).click()
    await ben.page.getByRole('menuitem', { name: 'Create a workspace' }).click()
    const dialog = ben.page.getByRole('dialog', { name: 'Create a workspace' })
    await dialog.getByLabel('Workspace').fill(`Team ${stamp}`)
    await dialog.getByRole('button', { name: 'Create workspace' }).click()
    await until(
      'the name is taken',
      async () => (await dialog.getByLabel('Workspace').getAttribute('aria-invalid')) === 'true',
    )
    await ben.audit('another workspace, refused')
    await dialog.getByLabel('Workspace').fill(`Own ${stamp}`)
    await dialog.getByRole('button', { name: 'Create workspace' }).click()
    await ben.page.getByRole('button', { name: `Own ${stamp}` }).click()
    await ben.page.getByRole('menuitem', { name: `Team ${stamp}` }).click()
    await ben.page.getByRole('button', { name: `Team ${stamp}` }).waitFor()
  })

  await step('another name is seen by everybody', async () => {
    await ben.page.getByRole('button', { name: 'Ben Newcomer' }).click()
    await ben.audit('my menu')
    await ben.page.getByRole('menuitem', { name: 'Settings', exact: true }).click()
    await ben.page.getByRole('heading', { name: 'Account', level: 1 }).waitFor()
    await ben.audit('settings')
    assert.equal(await ben.page.getByRole('link', { name: 'Workspace', exact: true }).count(), 0, 'not for members')
    await ben.page.getByLabel('Your name').fill('Benjamin Newcomer')
    await ben.page.getByRole('button', { name: 'Save' }).click()
    await ben.page.getByRole('button', { name: 'Saved' }).waitFor()
    await ben.page.getByRole('button', { name: 'Benjamin Newcomer' }).waitFor()
    await ben.page.goBack()
    await ben.page.getByRole('heading', { name: 'Channels' }).waitFor()
    await olga.page.keyboard.press('Control+k')
    await olga.page.keyboard.type('Benjamin')
    await olga.page.getByRole('option', { name: /Benjamin Newcomer/ }).waitFor()
    await olga.page.keyboard.press('Escape')
  })

  await step('light and dark are chosen, and stay so', async () => {
    const ground = () => olga.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
    const light = await ground()
    await olga.page.getByRole('button', { name: 'Olga Owner' }).click()
    await olga.page.getByRole('menuitemradio', { name: 'Dark' }).click()
    await until('it is dark', async () => (await ground()) !== light)
    await olga.page.reload()
    await olga.page.getByRole('heading', { name: 'Channels' }).waitFor()
    assert.notEqual(await ground(), light)
  })

  await step('what the settings choose the menu shows, and another tab follows', async () => {
    const other = await olga.tab()
    await other.goto(olga.base)
    await other.getByRole('button', { name: 'Olga Owner' }).click()
    await other.getByRole('menuitemradio', { name: 'Dark', checked: true }).waitFor()
    await olga.settings('Appearance')
    await olga.audit('settings, appearance')
    await olga.page.getByLabel('Theme').selectOption('Light')
    await olga.page.getByRole('button', { name: 'Olga Owner' }).click()
    await olga.page.getByRole('menuitemradio', { name: 'Light', checked: true }).waitFor()
    await olga.page.keyboard.press('Escape')
    await other.getByRole('menuitemradio', { name: 'Light', checked: true }).waitFor()
    await until('it is light there', () => other.evaluate(() => document.documentElement.dataset.theme === 'light'))
    await other.close()
  })

  await step('a session is ended from another device, and that one is signed out', async () => {
    const phone = await Person.at(world, { userAgent: 'Mozilla/5.0 (Windows NT 10.0) Firefox/140.0' })
    await phone.signIn(olga.email)
    await olga.settings('Where you are signed in')
    await olga.audit('settings, devices')
    const row = olga.page.getByRole('listitem').filter({ hasText: 'Firefox on Windows' })
    await row.getByRole('button', { name: 'Sign out' }).click()
    await row.waitFor({ state: 'detached' })
    await phone.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await phone.page.getByRole('alert').getByText('You have been signed out').waitFor()
    await phone.audit('signed out from elsewhere')
    await phone.leave()
  })

  await step('a changed password signs all other devices out', async () => {
    const phone = await Person.at(world, { userAgent: 'Mozilla/5.0 (Windows NT 10.0) Firefox/140.0' })
    await phone.signIn(olga.email)
    const { page } = olga
    await olga.settings()
    await page.getByText('not confirmed').waitFor()
    const change = async (from, to) => {
      await page.getByRole('button', { name: 'Change password' }).click()
      await page.getByLabel('Current password').fill(from)
      await page.getByLabel('New password').fill(to)
      await page.getByRole('button', { name: 'Change password' }).click()
    }
    await change('wrong horse', 'battery staple')
    await page.getByText('This is not your password.').waitFor()
    await olga.audit('settings, wrong password')
    await page.getByLabel('Current password').fill('correct horse')
    await page.getByLabel('New password').fill('password')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('This password is too easy to guess').waitFor()
    await page.getByLabel('New password').fill('battery staple')
    await page.getByRole('button', { name: 'Change password' }).click()
    await page.getByText('Changed. You have been signed out everywhere else.').waitFor()
    await phone.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await change('battery staple', 'correct horse')
    await page.getByText('Changed. You have been signed out everywhere else.').waitFor()
    await phone.leave()
  })

  await step('all other devices are signed out at once', async () => {
    const others = [await Person.at(world), await Person.at(world)]
    for (const other of others) await other.signIn(olga.email)
    await olga.settings('Where you are signed in')
    await olga.page.getByRole('button', { name: 'Sign out everywhere else' }).click()
    for (const other of others) await other.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await olga.page.getByRole('button', { name: 'Sign out everywhere else' }).waitFor({ state: 'detached' })
    for (const other of others) await other.leave()
  })

  await step('another address is taken with the password, and is not confirmed without mail', async () => {
    const { page } = olga
    await olga.settings()
    for (const email of [`new-${olga.email}`, olga.email]) {
      await page.getByRole('button', { name: 'Change address' }).click()
      await page.getByLabel('New e-mail address').fill(email)
      await page.getByLabel('Current password').fill('correct horse')
      await page.getByRole('button', { name: 'Change address' }).click()
      await page.getByText(email, { exact: true }).waitFor()
    }
    await olga.audit('settings, address')
    await olga.page.getByRole('link', { name: 'Home' }).click()
  })

  await step('who may join is set for the workspace, and holds', async () => {
    const { page } = olga
    await olga.settings('Workspace')
    await olga.audit('settings, workspace')
    const domains = page.getByLabel('Only e-mail addresses of these domains')
    const saveDomains = async text => {
      await domains.fill(text)
      await page.getByRole('button', { name: 'Save', exact: true }).last().click()
    }
    await saveDomains('acme.example, not a domain')
    await until('the field is marked', async () => (await domains.getAttribute('aria-invalid')) === 'true')
    await olga.audit('settings, workspace, refused')
    await saveDomains('acme.example')
    await page.getByRole('button', { name: 'Saved' }).waitFor()
    const late = await Person.at(world)
    await late.page.goto(link)
    await late.fillIn('Late Comer')
    await late.page.getByRole('button', { name: 'Join' }).click()
    await late.page.getByText('e-mail addresses of certain domains').waitFor()
    await saveDomains('')
    await page.getByRole('button', { name: 'Saved' }).waitFor()
    await late.leave()
    const name = page.getByLabel('Name of the workspace')
    await name.fill(`Renamed ${stamp}`)
    await page.getByRole('button', { name: 'Save', exact: true }).first().click()
    await ben.page.getByRole('button', { name: `Renamed ${stamp}` }).waitFor()
    await name.fill(`Team ${stamp}`)
    await page.getByRole('button', { name: 'Save', exact: true }).first().click()
    await ben.page.getByRole('button', { name: `Team ${stamp}` }).waitFor()
    await page.getByRole('link', { name: 'Home' }).click()
  })

  await step('an invitation of one address is for that address', async () => {
    const zoe = await Person.at(world)
    await olga.page.getByRole('complementary', { name: 'Chats' }).getByRole('button', { name: 'Invite people' }).click()
    await olga.page.getByLabel('For one e-mail address').fill('zoe@e2e.example')
    await olga.page.getByRole('button', { name: 'Invite', exact: true }).click()
    const bound = await olga.page.getByLabel('Invitation link').inputValue()
    await olga.audit('invitation for one address')
    await olga.page.keyboard.press('Escape')
    await zoe.page.goto(bound)
    await zoe.page.getByRole('heading', { name: 'Join' }).waitFor()
    assert.equal(await zoe.page.getByLabel('E-mail').inputValue(), 'zoe@e2e.example')
    assert.notEqual(await zoe.page.getByLabel('E-mail').getAttribute('readonly'), null)
    await zoe.leave()
  })

  await step('a forgotten password is chosen anew by a link, which by itself does nothing', async () => {
    const lena = await Person.at(world)
    const { page } = lena
    await page.goto(`${lena.base}/signin`)
    await page.getByRole('link', { name: 'Forgot your password?' }).click()
    await page.getByRole('heading', { name: 'Reset your password' }).waitFor()
    await lena.audit('forgotten password')
    await page.getByLabel('E-mail').fill(olga.email)
    await page.getByRole('button', { name: 'Send e-mail' }).click()
    await page.getByText('This server does not send e-mail').waitFor()
    const reset = world.parlor.account('reset-password', olga.email).match(/http\S+/)[0]
    await page.goto(reset)
    await page.getByRole('heading', { name: 'Choose a new password' }).waitFor()
    await lena.audit('reset')
    // Only now are the sessions ended.
    assert.equal(await olga.page.getByRole('heading', { name: 'Channels' }).count(), 1)
    await page.getByLabel('New password').fill('correct horse')
    await page.getByRole('button', { name: 'Set password' }).click()
    await page.getByText('Your password has been changed').waitFor()
    await olga.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await lena.signIn(olga.email)
    await page.goto(`${lena.base}/verify#no-such-code`)
    await page.getByRole('button', { name: 'Confirm address' }).click()
    await page.getByText('This link has been used').waitFor()
    await lena.audit('verification, refused')
    await lena.leave()
    await olga.signIn(olga.email)
  })

  await step('ones data is taken along, and the account is deleted', async () => {
    const gone = await Person.at(world)
    await gone.join(link, 'Gus Gone')
    await gone.settings()
    const download = gone.page.waitForEvent('download')
    await gone.page.getByRole('button', { name: 'Export your data' }).click()
    assert.equal((await download).suggestedFilename(), 'parlor-export.ndjson')
    await gone.page.getByRole('button', { name: 'Delete your account' }).click()
    await gone.page.getByLabel('Current password').fill('correct horse')
    await gone.audit('deletion of an account')
    await gone.page.getByRole('button', { name: 'Delete your account' }).click()
    await gone.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await gone.leave()
  })

  await step('sign out, in every tab', async () => {
    const other = await olga.tab()
    await other.goto(olga.base)
    await other.getByRole('heading', { name: 'Channels' }).waitFor()
    await olga.page.getByRole('button', { name: 'Olga Owner' }).click()
    await olga.page.getByRole('menuitem', { name: 'Sign out' }).click()
    await olga.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    await other.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    assert.equal(await other.getByText('You have been signed out').count(), 0)
  })

  await step('who signs out without a connection is signed out, now and once it is back', async () => {
    await olga.signIn(olga.email)
    await olga.createChannel('left-behind')
    const refuse = route => route.abort('connectionrefused')
    await olga.context.route('**/api/logout', refuse)
    await olga.page.getByRole('button', { name: 'Olga Owner' }).click()
    await olga.page.getByRole('menuitem', { name: 'Sign out' }).click()
    await olga.page.getByRole('heading', { name: 'Sign in to Parlor' }).waitFor()
    assert.equal(new URL(olga.page.url()).pathname, '/')
    await olga.page.reload()
    await olga.page.getByRole('heading', { name: /Sign in to Parlor|Channels/ }).waitFor()
    assert.equal(await olga.page.getByRole('heading', { name: 'Channels' }).count(), 0, 'the cookie is not used')
    // Any tab may send the request for all.
    const told = olga.context.waitForEvent('response', response => response.url().endsWith('/api/logout'))
    await olga.context.unroute('**/api/logout', refuse)
    await told
    const refreshTokens = async () => (await olga.context.cookies()).filter(({ name }) => name.includes('refresh'))
    await until('the cookie is gone', async () => (await refreshTokens()).length === 0)
    await olga.page.reload()
    await olga.signIn(olga.email)
  })
}
