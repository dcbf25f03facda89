// Keyboard handling outside of inputs: shortcuts of the window, and arrow keys in lists.
import { type KeyboardEvent as ReactKeyboardEvent, useEffect } from 'react'
import { composerOf } from './composerOf'
import { isMod, useStore } from './hooks'
import { isComposing } from './ime'
import type { Overlay } from './Overlays'
import { openChat } from './route'
import { shownOrder } from './sidebar/useArrangement'

/** The shortcuts that work everywhere in the window. */
export function useShortcuts(
  chatId: string | null,
  setOverlay: (next: (now: Overlay | null) => Overlay | null) => void,
): void {
  const store = useStore()
  useEffect(() => {
    const step = (by: number, unreadOnly: boolean) => {
      const { data } = store.view.get()
      if (!data) return
      const shown = shownOrder().flatMap(id => data.chats.get(id) ?? [])
      const at = shown.findIndex(item => item.chat.id === chatId)
      for (let i = 1; i <= shown.length; i++) {
        const item = shown[(at + by * i + shown.length * 2) % shown.length]
        if (item && (!unreadOnly || item.unread_count > 0)) {
          openChat({ chatId: item.chat.id })
          return
        }
      }
    }
    const onKey = (event: KeyboardEvent) => {
      // A focused message has shortcuts of its own, and has handled the key.
      if (event.defaultPrevented || isComposing(event)) return
      const vertical = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
      const isDialogOpen = document.querySelector('dialog[open]') !== null
      // An open dialog is never replaced: it may be half filled in.
      if (isMod(event) && event.key.toLowerCase() === 'k')
        setOverlay(now => (now === 'switcher' ? null : isDialogOpen ? now : 'switcher'))
      else if (isMod(event) && event.key === '/') setOverlay(now => (isDialogOpen ? now : 'shortcuts'))
      else if (isDialogOpen) return
      else if (event.altKey && vertical !== 0) step(vertical, event.shiftKey)
      else if (event.key === 'F6') focusRegion(event.shiftKey ? -1 : 1)
      else {
        if (startsMessage(event)) composerOf(event.target)?.focus()
        return
      }
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [store, chatId, setOverlay])
}

/** Whether the key is the first letter of a message: one that no other element handles. */
function startsMessage(event: KeyboardEvent): boolean {
  const command = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState('AltGraph')
  const letter = event.key.length === 1 && event.key !== ' ' && !command
  const handlesKeys = 'input, textarea, select, [contenteditable], [role="menu"]'
  return letter && !(event.target instanceof Element && event.target.closest(handlesKeys))
}

/** Moves the focus through sidebar, main place, composer and panel, in a circle. */
function focusRegion(by: number): void {
  const regions = ['.sidebar', '.settings-menu', 'main .page', 'main .timeline', 'main .composer', '.panel']
    .map(selector => document.querySelector<HTMLElement>(selector))
    .filter(
      element => element !== null && element.offsetParent !== null && !element.closest('[inert]'),
    ) as HTMLElement[]
  const at = regions.findIndex(region => region.contains(document.activeElement))
  const next = regions[(at + by + regions.length) % regions.length]
  for (const selector of ['[aria-current="page"]', '.scroller', 'textarea', 'input', 'a[href]', 'button']) {
    const element = next?.querySelector<HTMLElement>(selector)
    if (element) {
      element.focus()
      return
    }
  }
}

/** Arrow keys in a vertical list of links. What leads elsewhere (`.entry-action`) is no part of it. */
export function onListKeys(event: ReactKeyboardEvent<HTMLElement>): void {
  if (event.altKey) return
  const links = [...event.currentTarget.querySelectorAll<HTMLElement>('a[href]:not(.entry-action)')]
  const at = links.indexOf(document.activeElement as HTMLElement)
  const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }
  const next = links[to[event.key] ?? -1]
  if (!next) return
  event.preventDefault()
  next.focus()
}

/** Arrow keys in the timeline. Only drawn messages can be reached; scrolling draws more. */
export function onMessageKeys(event: ReactKeyboardEvent<HTMLElement>): void {
  const by = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
  const target = event.target as HTMLElement
  if (by === 0 || event.altKey || !(target === event.currentTarget || target.matches('.message'))) return
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('.message[tabindex]')]
  const { top, bottom } = event.currentTarget.getBoundingClientRect()
  const visible = rows.filter(
    row => row.getBoundingClientRect().bottom > top && row.getBoundingClientRect().top < bottom,
  )
  const next = target === event.currentTarget ? visible.at(-1) : rows[rows.indexOf(target) + by]
  if (!next) return
  event.preventDefault()
  next.focus({ preventScroll: true })
  next.scrollIntoView({ block: 'nearest' })
}
