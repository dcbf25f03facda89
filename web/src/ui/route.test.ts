import { beforeEach, expect, it, vi } from 'vitest'
import {
  type ChatAddress,
  chatOfLink,
  chatPath,
  closePanel,
  followHistory,
  go,
  homePath,
  openChat,
  openPanel,
  parseRoute,
  pathInWorkspace,
  placePath,
} from './route'

const MEMBERS = { kind: 'members', argument: null }

it('parses the paths of pages', () => {
  const chat = { page: 'chat', chatId: 'abc', panel: null }
  expect(parseRoute('/w/acme/c/abc/12', '')).toEqual({ ...chat, workspace: 'acme', seq: 12 })
  expect(parseRoute('/c/abc/x', '')).toEqual({ ...chat, workspace: null, seq: undefined })
  expect(parseRoute('/signup', '?invite=CODE')).toEqual({ page: 'signup', invite: 'CODE' })
  expect(parseRoute('/', '?panel=members')).toEqual({ page: 'home', workspace: null })
  expect(parseRoute('/w/acme', '')).toEqual({ page: 'home', workspace: 'acme' })
  for (const none of ['/w', '/w/acme/c', '/w/acme/']) expect(parseRoute(none, '').page).not.toBe('chat')
  const settings = { page: 'place', place: 'settings', argument: 'account' }
  expect(parseRoute('/w/acme/settings/account', '')).toEqual({ ...settings, workspace: 'acme' })
  expect(parseRoute('/settings/account', '')).toEqual({ ...settings, workspace: null })
})

it('stays in the workspace of the page, and completes an address that names none', () => {
  browser.entries = [{ path: '/c/abc/3?panel=members', state: null }]
  expect(pathInWorkspace('acme')).toBe('/w/acme/c/abc/3?panel=members')
  go(pathInWorkspace('acme'), true)
  expect(pathInWorkspace('other')).toBe('/w/other/c/abc/3?panel=members')
  openChat({ chatId: 'other' })
  expect(browser.path).toBe('/w/acme/c/other')
  expect([homePath(), placePath('settings', 'account')]).toEqual(['/w/acme', '/w/acme/settings/account'])
  browser.entries = [{ path: '/', state: null }]
  browser.at = 0
  expect([homePath(), pathInWorkspace('acme')]).toEqual(['/', '/w/acme'])
})

it('loads the page again for a chat of another workspace', () => {
  browser.entries = [{ path: '/w/acme/c/abc', state: null }]
  openChat({ workspace: 'acme', chatId: 'def' })
  expect([browser.path, browser.loaded]).toEqual(['/w/acme/c/def', undefined])
  openChat({ workspace: 'other', chatId: 'ghi', seq: 4 })
  expect([browser.path, browser.loaded]).toEqual(['/w/acme/c/def', '/w/other/c/ghi/4'])
})

it('names a panel and what it is about, whatever that is', () => {
  const panelOf = (search: string) => {
    const route = parseRoute('/c/abc', search)
    return route.page === 'chat' ? route.panel : undefined
  }
  expect(panelOf('?panel=members')).toEqual(MEMBERS)
  expect(panelOf('?panel=thread:m1')).toEqual({ kind: 'thread', argument: 'm1' })
  expect(panelOf('?panel=a:b:c')).toEqual({ kind: 'a', argument: 'b:c' })
  for (const none of ['', '?panel=', '?other=1']) expect(panelOf(none)).toBeNull()
  for (const argument of [null, '', 'm1', 'a:b', '&x=1#?/ é']) {
    const path = chatPath({ chatId: 'abc', seq: 3, panel: { kind: 'thread', argument } })
    const { pathname, search } = new URL(path, 'http://p')
    expect([pathname, panelOf(search)]).toEqual(['/c/abc/3', { kind: 'thread', argument }])
  }
})

it('knows the links to its own chats', () => {
  const to = (href: string) => chatOfLink(href, 'http://p:1')
  expect(to('http://p:1/c/abc')).toEqual({ chatId: 'abc', seq: undefined })
  expect(to('http://p:1/c/abc/3?panel=members')).toMatchObject({ chatId: 'abc', seq: 3, panel: MEMBERS })
  expect(to('http://p:1/w/acme/c/abc/3')).toEqual({ workspace: 'acme', chatId: 'abc', seq: 3 })
  for (const other of [
    undefined,
    'http://p:12/c/abc',
    'http://p:1/x',
    'http://p:1/c/',
    'http://p:1/w/acme',
    'javascript:x',
  ])
    expect(to(other as string)).toBeUndefined()
})

/** The part of a browser that navigation uses. Going back takes a moment, as there. */
class Browser extends EventTarget {
  entries = [{ path: '/c/abc', state: null as unknown }]
  at = 0
  loaded?: string

  constructor() {
    super()
    const { addEventListener, dispatchEvent } = EventTarget.prototype
    vi.stubGlobal('addEventListener', addEventListener.bind(this))
    vi.stubGlobal('dispatchEvent', dispatchEvent.bind(this))
    vi.stubGlobal('location', {
      get pathname() {
        return new URL(browser.path, 'http://p').pathname
      },
      get search() {
        return new URL(browser.path, 'http://p').search
      },
      assign: (path: string) => {
        this.loaded = path
      },
    })
    vi.stubGlobal('history', {
      get state() {
        return browser.entries[browser.at]?.state
      },
      pushState: (state: unknown, _: string, path: string) => {
        this.entries.splice(this.at + 1, Number.POSITIVE_INFINITY, { path, state })
        this.at++
      },
      replaceState: (state: unknown, _: string, path: string) => {
        this.entries[this.at] = { path, state }
      },
      go: (by: number) => queueMicrotask(() => this.go(by)),
    })
  }

  get path(): string {
    return this.entries[this.at]?.path ?? ''
  }

  go(by: number): void {
    this.at = Math.max(0, this.at + by)
    this.dispatchEvent(new Event('popstate'))
  }
}

let browser: Browser
const moment = () => new Promise(done => setTimeout(done))

beforeEach(() => {
  browser = new Browser()
  followHistory()
  return () => vi.unstubAllGlobals()
})

it('back closes a panel', () => {
  openPanel(MEMBERS)
  expect(browser.path).toBe('/c/abc?panel=members')
  browser.go(-1)
  expect([browser.path, browser.entries.length]).toEqual(['/c/abc', 2])
})

it('closing a panel goes back to before it was opened, once, and through other panels', async () => {
  go('/')
  go('/c/abc')
  openPanel(MEMBERS)
  openPanel({ kind: 'thread', argument: 'm1' })
  expect(browser.path).toBe('/c/abc?panel=thread:m1')
  closePanel()
  closePanel()
  await moment()
  expect([browser.path, browser.at]).toEqual(['/c/abc', 2])
})

it('closing a panel that a link has opened leaves the chat', async () => {
  browser.entries = [
    { path: '/', state: null },
    { path: '/c/abc?panel=members', state: null },
  ]
  browser.at = 1
  closePanel()
  await moment()
  expect([browser.path, browser.at]).toEqual(['/c/abc', 1])
  // Another panel on top of one from a link does not know where there was none.
  openChat({ chatId: 'abc', panel: MEMBERS })
  openPanel({ kind: 'thread', argument: 'm1' })
  closePanel()
  await moment()
  expect([browser.path, browser.at]).toEqual(['/c/abc', 3])
})

it('a panel stays in its chat, and goes with it', () => {
  openPanel(MEMBERS)
  const openAndSee = (to: ChatAddress) => {
    openChat(to)
    return browser.path
  }
  expect(openAndSee({ chatId: 'abc', seq: 5 })).toBe('/c/abc/5?panel=members')
  expect(openAndSee({ chatId: 'abc', panel: { kind: 'thread', argument: 'm' } })).toBe('/c/abc?panel=thread:m')
  expect(openAndSee({ chatId: 'other' })).toBe('/c/other')
  go('/')
  openPanel(MEMBERS)
  expect(browser.path, 'there is no panel without a chat').toBe('/')
})

it('going back from a panel leaves the messages where they are', async () => {
  openChat({ chatId: 'abc', seq: 5 })
  openPanel(MEMBERS)
  // The reader scrolls to the end.
  openChat({ chatId: 'abc' }, true)
  expect(browser.path).toBe('/c/abc?panel=members')
  closePanel()
  await moment()
  expect([browser.path, browser.at]).toEqual(['/c/abc', 1])
})
