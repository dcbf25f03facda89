// What a kind of row is. `kinds.ts` lists them; each has a file in `kinds/`.
import type { ComponentType } from 'react'
import type { ChatItem, Message } from '../../api/types'
import type { ConversationKey } from '../../store/conversation'
import type { Edited } from '../../store/slices/drafts'

/** What every row gets from its timeline. */
export interface RowContext {
  conversation: ConversationKey
  /** Its chat. */
  item: ChatItem
  /** The number of the message that the address of the page names, if it names one. */
  seq: number | undefined
  onReply: (message: Message) => void
  onEdit: (message: Edited) => void
}

/** `Data` is what a row of the kind has beside its kind and key. */
export interface RowKind<Data extends object = object> {
  Row: ComponentType<RowContext & { row: Data; kind: RowKind<Data> }>
  /** The height until it is drawn and measured, in pixels at the usual size of text. */
  estimate: (row: Data) => number
}

export interface MessageData {
  message: Message
  /** Whether it has a header: sender and time. */
  head: boolean
  /** Older messages of its run that the row stands for too, oldest first. */
  earlier?: readonly Message[]
}

/** A kind of row that stands for a stored message. */
export interface MessageKind extends RowKind<MessageData> {
  /** Whether it shows this message, if no kind before it does. */
  shows: (message: Message) => boolean
  /** Whether it is a line without a sender, after which the next message has a header. */
  isLine?: boolean
  /**
   * Whether a message belongs to the run of the one before it, which is of the same kind: those of a run
   * that came within a time share one row. A run is short, whatever it is made of.
   */
  continues?: (message: Message, before: Message) => boolean
}
