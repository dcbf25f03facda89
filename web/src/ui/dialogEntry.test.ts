import { beforeEach, expect, it, vi } from 'vitest'
import { afterReturn, enterDialog, isDialogEntry } from './dialogEntry'

/** The part of a browser that it uses. Going back takes a moment, as there. */
class Browser extends EventTarget {
  entries: unknown[] = [null]
  isStuck = false

  constructor() {
    super()
    const { addEventListener, removeEventListener } = EventTarget.prototype
    vi.stubGlobal('addEventListener', addEventListener.bind(this))
    vi.stubGlobal('removeEventListener', removeEventListener.bind(this))
    vi.stubGlobal('history', {
      get state() {
        return browser.entries.at(-1)
      },
      pushState: (state: unknown) => this.entries.push(state),
      back: () => setTimeout(() => this.back(), 5),
    })
  }

  back(): void {
    if (this.isStuck) return
    this.entries.pop()
    this.dispatchEvent(new Event('popstate'))
  }
}

let browser: Browser
beforeEach(() => {
  vi.useFakeTimers()
  browser = new Browser()
  return () => {
    vi.runAllTimers()
    vi.useRealTimers()
    vi.unstubAllGlobals()
  }
})

it('back closes a dialog, and closing it leaves no entry', () => {
  const onBack = vi.fn()
  let leave = enterDialog(onBack)
  expect([browser.entries.length, isDialogEntry()]).toEqual([2, true])
  browser.back()
  expect(onBack).toHaveBeenCalledOnce()
  leave()
  vi.runAllTimers()
  leave = enterDialog(onBack)
  leave()
  vi.runAllTimers()
  expect([browser.entries.length, onBack.mock.calls.length]).toEqual([1, 1])
})

it('a dialog that replaces another one keeps its entry', () => {
  const first = enterDialog(() => undefined)
  first()
  const second = enterDialog(() => undefined)
  vi.runAllTimers()
  expect(browser.entries.length).toBe(2)
  second()
  vi.runAllTimers()
  expect(browser.entries.length).toBe(1)
})

it('what comes while it goes back waits for that, and not for ever', () => {
  const work = vi.fn()
  enterDialog(() => undefined)()
  vi.advanceTimersByTime(1)
  afterReturn(work)
  expect(work).not.toHaveBeenCalled()
  vi.advanceTimersByTime(10)
  expect(work).toHaveBeenCalledOnce()
  browser.isStuck = true
  enterDialog(() => undefined)()
  vi.advanceTimersByTime(1)
  afterReturn(work)
  vi.advanceTimersByTime(2000)
  expect(work).toHaveBeenCalledTimes(2)
  browser.entries.pop()
})
