// The loaded part of a conversation: a window of messages that is contiguous by their numbers there. Pure.
//
// The invariant: a window never has a gap.
import type { Event, Message, MessageList } from '../../api/types'
import { type ConversationKey, numberIn, parseConversation, shows } from '../conversation'
import { isMark, placeOf, withMark } from '../marks'
import { isReaction, keepMine, withReaction } from '../reactions'
import { withThread } from '../threadSummary'

export interface MessageWindow {
  readonly items: readonly Message[]
  /** Whether there are older messages on the server. */
  readonly before: boolean
  /** Whether there are newer messages that are not in the window. */
  readonly after: boolean
  /**
   * The window has all up to this number. It is higher than that of the newest message where replies in
   * threads follow, which have a `seq` and do not stand in the main line.
   */
  readonly end: number
}

/**
 * The most messages of a window. Beyond that, those on the side far from the reader are dropped.
 */
export const WINDOW_MAX = 600

/** `known`: the newest number of the conversation that was known when the page was asked for. */
export function fromPage(conversation: ConversationKey, page: MessageList, known: number): MessageWindow {
  const { items, has_more_before: before, has_more_after: after } = page
  return { items, before, after, end: endOf(conversation, items, after ? 0 : known) }
}

function endOf(conversation: ConversationKey, items: readonly Message[], known: number): number {
  const last = items.at(-1)
  return Math.max(known, last ? numberIn(conversation, last) : 0)
}

export function prepend(conversation: ConversationKey, window: MessageWindow, page: MessageList): MessageWindow {
  const first = window.items[0] ? numberIn(conversation, window.items[0]) : Number.POSITIVE_INFINITY
  const older = page.items.filter(message => numberIn(conversation, message) < first)
  const items = [...older, ...window.items]
  if (items.length <= WINDOW_MAX) return { ...window, items, before: page.has_more_before }
  const kept = items.slice(0, WINDOW_MAX)
  return { items: kept, before: page.has_more_before, after: true, end: endOf(conversation, kept, 0) }
}

export function append(
  conversation: ConversationKey,
  window: MessageWindow,
  page: Pick<MessageList, 'items' | 'has_more_after'>,
  known = 0,
): MessageWindow {
  const last = endOf(conversation, window.items, 0)
  const items = [...window.items, ...page.items.filter(message => numberIn(conversation, message) > last)]
  const after = page.has_more_after
  const end = endOf(conversation, items, after ? 0 : Math.max(known, window.end))
  const tooMany = items.length - WINDOW_MAX
  if (tooMany <= 0) return { items, before: window.before, after, end }
  return { items: items.slice(tooMany), before: true, after, end }
}

/** Takes an event of the conversation's chat. `me` is the id of the user. */
export function applyToWindow(
  conversation: ConversationKey,
  window: MessageWindow,
  event: Event,
  me: string,
): MessageWindow {
  if (isReaction(event)) return change(window, event.reaction.message_id, message => withReaction(message, event, me))
  if (isMark(event)) return change(window, placeOf(event).message_id, message => withMark(message, event))
  if (!('message' in event)) return window
  const next =
    event.type === 'message.new' ? withNew(conversation, window, event.message) : replace(window, event.message)
  const { thread } = 'thread' in event ? event : {}
  return thread ? change(next, thread.root_id, root => withThread(root, thread)) : next
}

function withNew(conversation: ConversationKey, window: MessageWindow, message: Message): MessageWindow {
  const isShown = shows(conversation, message)
  if (window.after || (!isShown && parseConversation(conversation).rootId)) return window
  const number = numberIn(conversation, message)
  if (number <= window.end) return window
  // A window that missed a message only notes that there are newer ones.
  if (number > window.end + 1) return { ...window, after: true }
  const page = { items: isShown ? [message] : [], has_more_after: false }
  return append(conversation, window, page, number)
}

/** Replaces a message by its newest version, if it is in the window. */
export function replace(window: MessageWindow, message: Message): MessageWindow {
  return change(window, message.id, known => keepMine(known, message))
}

function change(window: MessageWindow, id: string, change: (message: Message) => Message): MessageWindow {
  const index = window.items.findLastIndex(message => message.id === id)
  const known = window.items[index]
  if (!known) return window
  const next = change(known)
  if (next === known) return window
  const items = window.items.slice()
  items[index] = next
  return { ...window, items }
}
