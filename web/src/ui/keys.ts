// What the keys do.
import { type KeyboardEvent as ReactKeyboardEvent, useEffect } from 'react'
import { byActivity, isChannel } from './chats'
import { isMod, useStore } from './hooks'
import type { Overlay } from './Overlays'
import { go } from './route'

/** What works wherever one is. */
export function useShortcuts(
  chatId: string | null,
  setOverlay: (next: (now: Overlay | null) => Overlay | null) => void,
): void {
  const store = useStore()
  useEffect(() => {
    const step = (by: number, unreadOnly: boolean) => {
      const { data } = store.view.get()
      if (!data) return
      const all = byActivity(data.chats)
      const shown = [...all.filter(isChannel), ...all.filter(item => !isChannel(item))]
      const at = shown.findIndex(item => item.chat.id === chatId)
      for (let i = 1; i <= shown.length; i++) {
        const item = shown[(at + by * i + shown.length * 2) % shown.length]
        if (item && (!unreadOnly || item.unread_count > 0)) {
          go(`/c/${item.chat.id}`)
          return
        }
      }
    }
    const onKey = (event: KeyboardEvent) => {
      // A message has its own letters.
      if (event.defaultPrevented) return
      const vertical = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
      const isAsked = document.querySelector('dialog[open]') !== null
      // What is asked or half filled in is not pushed aside.
      if (isMod(event) && event.key.toLowerCase() === 'k')
        setOverlay(now => (now === 'switcher' ? null : isAsked ? now : 'switcher'))
      else if (isMod(event) && event.key === '/') setOverlay(now => (isAsked ? now : 'shortcuts'))
      else if (isAsked) return
      else if (event.altKey && vertical !== 0) step(vertical, event.shiftKey)
      else if (event.key === 'F6') toRegion(event.shiftKey ? -1 : 1)
      else {
        if (isForTheBox(event)) document.querySelector<HTMLElement>('.composer textarea')?.focus()
        return
      }
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [store, chatId, setOverlay])
}

/** A letter that nothing else would take: whoever begins to type wants to write. */
function isForTheBox(event: KeyboardEvent): boolean {
  const command = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState('AltGraph')
  const letter = event.key.length === 1 && event.key !== ' ' && !command && !event.isComposing
  const takes = 'input, textarea, select, [contenteditable], [role="menu"]'
  return letter && !(event.target instanceof Element && event.target.closest(takes))
}

/** The list, the messages, what is being written, the members: round and round. */
function toRegion(by: number): void {
  const regions = ['.sidebar', '.timeline', '.composer', '.members']
    .map(selector => document.querySelector<HTMLElement>(selector))
    .filter(element => element !== null && element.offsetParent !== null) as HTMLElement[]
  const at = regions.findIndex(region => region.contains(document.activeElement))
  const next = regions[(at + by + regions.length) % regions.length]
  for (const selector of ['[aria-current="page"]', '.scroller', 'textarea', 'a[href]', 'button']) {
    const element = next?.querySelector<HTMLElement>(selector)
    if (element) {
      element.focus()
      return
    }
  }
}

/** Up and down among links that stand below one another. */
export function onListKeys(event: ReactKeyboardEvent<HTMLElement>): void {
  if (event.altKey) return
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('a[href]')]
  const at = links.indexOf(document.activeElement as HTMLElement)
  const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }
  const next = links[to[event.key] ?? -1]
  if (!next) return
  event.preventDefault()
  next.focus()
}

/** Up and down among the messages that are drawn; more are drawn as one goes. */
export function onMessageKeys(event: ReactKeyboardEvent<HTMLElement>): void {
  const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  const target = event.target as HTMLElement
  if (by === 0 || event.altKey || !(target === event.currentTarget || target.matches('.message'))) return
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('.message[tabindex]')]
  const { top, bottom } = event.currentTarget.getBoundingClientRect()
  const seen = rows.filter(row => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().top < bottom)
  const next = target === event.currentTarget ? seen.at(-1) : rows[rows.indexOf(target) + by]
  if (!next) return
  event.preventDefault()
  next.focus({ preventScroll: true })
  next.scrollIntoView({ block: 'nearest' })
}
