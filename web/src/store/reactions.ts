// What a message shows once a reaction to it was given or taken back. Pure.
import type { Event, Message } from '../api/types'

export type ReactionEvent = Extract<Event, { type: 'reaction.added' | 'reaction.removed' }>

export function isReaction(event: Event): event is ReactionEvent {
  return event.type === 'reaction.added' || event.type === 'reaction.removed'
}

/**
 * The message after the event, whose count is absolute, or the same object. `me` is the viewer, for whom
 * the message says which reactions are theirs; without one it says so for nobody.
 */
export function withReaction(message: Message, { type, reaction }: ReactionEvent, me?: string): Message {
  if (message.id !== reaction.message_id) return message
  const { emoji, count } = reaction
  const all = message.reactions ?? []
  const known = all.find(of => isSameEmoji(of.emoji, emoji))
  const mine = reaction.user_id === me ? type === 'reaction.added' : known?.me
  const next = { emoji, count, ...(mine === undefined ? {} : { me: mine }) }
  if (known ? known.count === count && known.me === next.me : count === 0) return message
  const changed = known ? all.map(of => (of === known ? next : of)) : [...all, next]
  return withReactions(
    message,
    changed.filter(of => of.count > 0),
  )
}

/**
 * A newer form of a message that comes without a viewer: what is theirs of it is known from before,
 * reactions, whether they keep it for later, and what they follow.
 */
export function keepMine(known: Message, message: Message): Message {
  const { following, unread_count = 0 } = known.thread ?? {}
  const isTold = message.thread?.following !== undefined
  const newer =
    message.thread && !isTold && following !== undefined
      ? { ...message, thread: { ...message.thread, following, unread_count } }
      : message
  const fresh = known.saved && !newer.saved && !newer.deleted_at ? { ...newer, saved: true } : newer
  if (!fresh.reactions?.some(of => of.me === undefined)) return fresh
  const mine = (emoji: string) => known.reactions?.some(of => of.me && isSameEmoji(of.emoji, emoji)) ?? false
  return withReactions(
    fresh,
    fresh.reactions.map(of => ({ ...of, me: of.me ?? mine(of.emoji) })),
  )
}

/** Some keyboards add a variation selector that others leave out; the server decides on one form. */
export function isSameEmoji(one: string, other: string): boolean {
  return one.replaceAll('\uFE0F', '') === other.replaceAll('\uFE0F', '')
}

function withReactions(message: Message, reactions: NonNullable<Message['reactions']>): Message {
  const { reactions: _, ...rest } = message
  return reactions.length > 0 ? { ...rest, reactions } : rest
}
