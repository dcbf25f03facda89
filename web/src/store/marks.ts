// What a message shows once it was pinned or kept for later, or no more. Pure.
import type { Event, Message } from '../api/types'

export type PinEvent = Extract<Event, { type: 'message.pinned' | 'message.unpinned' }>
export type SavedEvent = Extract<Event, { type: 'message.saved' | 'message.unsaved' }>
export type MarkEvent = PinEvent | SavedEvent

export function isMark(event: Event): event is MarkEvent {
  return 'pin' in event || 'saved' in event
}

/** The place of the message that the event is about. */
export function placeOf(event: MarkEvent): { message_id: string; seq: number } {
  return 'pin' in event ? event.pin : event.saved
}

/** The message after the event, or the same object. */
export function withMark(message: Message, event: MarkEvent): Message {
  if (message.id !== placeOf(event).message_id) return message
  const { pinned, saved, ...rest } = message
  switch (event.type) {
    case 'message.pinned': {
      const { by, at } = event.pin
      return pinned?.by === by && pinned.at === at ? message : { ...message, pinned: { by, at } }
    }
    case 'message.unpinned':
      return pinned ? { ...rest, ...(saved && { saved }) } : message
    case 'message.saved':
      return saved ? message : { ...message, saved: true }
    case 'message.unsaved':
      return saved ? { ...rest, ...(pinned && { pinned }) } : message
  }
}
