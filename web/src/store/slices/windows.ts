// The loaded part of a conversation: a window of messages that is contiguous by `seq`. Pure.
//
// The invariant: a window never has a gap.
import type { Event, Message, MessageList } from '../../api/types'
import { isMark, placeOf, withMark } from '../marks'
import { isReaction, keepMine, withReaction } from '../reactions'

export interface MessageWindow {
  readonly items: readonly Message[]
  /** Whether there are older messages on the server. */
  readonly before: boolean
  /** Whether there are newer messages that are not in the window. */
  readonly after: boolean
}

/**
 * The most messages of a window. Beyond that, those on the side far from the reader are dropped.
 */
export const WINDOW_MAX = 600

export function fromPage(page: MessageList): MessageWindow {
  return { items: page.items, before: page.has_more_before, after: page.has_more_after }
}

export function prepend(window: MessageWindow, page: MessageList): MessageWindow {
  const first = window.items[0]?.seq ?? Number.POSITIVE_INFINITY
  const items = [...page.items.filter(message => message.seq < first), ...window.items]
  if (items.length <= WINDOW_MAX) return { items, before: page.has_more_before, after: window.after }
  return { items: items.slice(0, WINDOW_MAX), before: page.has_more_before, after: true }
}

export function append(window: MessageWindow, page: MessageList): MessageWindow {
  const last = window.items.at(-1)?.seq ?? 0
  const items = [...window.items, ...page.items.filter(message => message.seq > last)]
  const tooMany = items.length - WINDOW_MAX
  if (tooMany <= 0) return { items, before: window.before, after: page.has_more_after }
  return { items: items.slice(tooMany), before: true, after: page.has_more_after }
}

/** `me` is the id of the user. */
export function applyToWindow(window: MessageWindow, event: Event, me: string): MessageWindow {
  if (isReaction(event)) {
    return change(window, event.reaction.seq, message => withReaction(message, event, me))
  }
  if (isMark(event)) return change(window, placeOf(event).seq, message => withMark(message, event))
  switch (event.type) {
    case 'message.new': {
      const last = window.items.at(-1)?.seq ?? 0
      const { message } = event
      if (message.seq <= last) return window
      // A window that does not reach the end, or that missed a message, only notes that there are
      // newer ones.
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

/** Replaces a message by its newest version, if it is in the window. */
export function replace(window: MessageWindow, message: Message): MessageWindow {
  return change(window, message.seq, known => (known.id === message.id ? keepMine(known, message) : known))
}

function change(window: MessageWindow, seq: number, change: (message: Message) => Message): MessageWindow {
  const index = seq - (window.items[0]?.seq ?? 1)
  const known = window.items[index]
  if (!known) return window
  const next = change(known)
  if (next === known) return window
  const items = window.items.slice()
  items[index] = next
  return { ...window, items }
}
