import { beforeEach, expect, it, vi } from 'vitest'
import type { Api } from '../../api/client'
import { ViewHolder } from '../view'
import { type ListedWorkspace, Workspaces } from './workspaces'

const page = new EventTarget()
let visible = true
let asked = 0
let stop: AbortController
let view: ViewHolder<{ workspaces: readonly ListedWorkspace[] }>

function open(): Workspaces {
  const answer = () => {
    asked++
    return Promise.resolve({ data: { items: [{ id: 'a', unread: asked }] }, response: { ok: true } })
  }
  const api = { GET: answer } as unknown as Api
  stop = new AbortController()
  view = new ViewHolder({ workspaces: [] as readonly ListedWorkspace[] })
  return new Workspaces({ api, me: 'me', view, signal: stop.signal, fold: () => undefined, loaded: () => undefined })
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('document', {
    get visibilityState() {
      return visible ? 'visible' : 'hidden'
    },
  })
  visible = true
  asked = 0
  return () => {
    stop.abort()
    vi.unstubAllGlobals()
    vi.useRealTimers()
  }
})

it('asks after the snapshot, every minute, and when the page gets the focus', async () => {
  const workspaces = open()
  expect(asked).toBe(0)
  workspaces.onSnapshot()
  await vi.advanceTimersByTimeAsync(0)
  expect([asked, view.get().workspaces[0]?.unread]).toEqual([1, 1])
  await vi.advanceTimersByTimeAsync(60_000)
  expect(asked).toBe(2)
  page.dispatchEvent(new Event('focus'))
  expect(asked, 'it has just asked').toBe(2)
  await vi.advanceTimersByTimeAsync(10_000)
  page.dispatchEvent(new Event('focus'))
  await vi.advanceTimersByTimeAsync(0)
  expect([asked, view.get().workspaces[0]?.unread]).toEqual([3, 3])
})

it('does not ask while nobody looks, nor after it was closed', async () => {
  open().onSnapshot()
  visible = false
  await vi.advanceTimersByTimeAsync(300_000)
  expect(asked).toBe(1)
  visible = true
  stop.abort()
  await vi.advanceTimersByTimeAsync(300_000)
  page.dispatchEvent(new Event('focus'))
  expect(asked).toBe(1)
})
