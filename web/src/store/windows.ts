// The stretch of a chat that is on hand: contiguous by `seq`, with what is known of both sides. Pure.
import type { Event, Message, MessageList } from '../api/types'

export interface Window {
  readonly items: readonly Message[]
  /** Whether there are older messages on the server. */
  readonly before: boolean
  /** Whether there are newer messages that are not here. */
  readonly after: boolean
}

/** More than this is not held: what is farthest from where one reads is let go and fetched again. */
export const WINDOW_MAX = 600

export function fromPage(page: MessageList): Window {
  return { items: page.items, before: page.has_more_before, after: page.has_more_after }
}

export function prepend(window: Window, page: MessageList): Window {
  const first = window.items[0]?.seq ?? Number.POSITIVE_INFINITY
  const items = [...page.items.filter(message => message.seq < first), ...window.items]
  if (items.length <= WINDOW_MAX) return { items, before: page.has_more_before, after: window.after }
  return { items: items.slice(0, WINDOW_MAX), before: page.has_more_before, after: true }
}

export function append(window: Window, page: MessageList): Window {
  const last = window.items.at(-1)?.seq ?? 0
  const items = [...window.items, ...page.items.filter(message => message.seq > last)]
  const tooMany = items.length - WINDOW_MAX
  if (tooMany <= 0) return { items, before: window.before, after: page.has_more_after }
  return { items: items.slice(tooMany), before: true, after: page.has_more_after }
}

export function applyToWindow(window: Window, event: Event): Window {
  switch (event.type) {
    case 'message.new': {
      const last = window.items.at(-1)?.seq ?? 0
      const { message } = event
      if (message.seq <= last) return window
      // A window that does not reach the end, or has missed something, only learns that there is more.
      if (window.after || message.seq > last + 1) return window.after ? window : { ...window, after: true }
      return append(window, {
        items: [message],
        has_more: false,
        has_more_before: window.before,
        has_more_after: false,
      })
    }
    default:
      // Any other event with a message shows that message as it is now.
      return 'message' in event ? replace(window, event.message) : window
  }
}

/** A message as the server has it now, in its place. */
export function replace(window: Window, message: Message): Window {
  const first = window.items[0]?.seq ?? 1
  const index = message.seq - first
  if (window.items[index]?.id !== message.id) return window
  const items = window.items.slice()
  items[index] = message
  return { ...window, items }
}
