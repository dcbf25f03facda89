// The kinds of rows of a timeline, one line each.
import type { Message } from '../../api/types'
import { textScale } from '../textScale'
import type { MessageKind, RowKind } from './kind'
import { day } from './kinds/day'
import { message } from './kinds/message'
import { more } from './kinds/more'
import { outgoing } from './kinds/outgoing'
import { start } from './kinds/start'
import { system } from './kinds/system'
import { tombstone } from './kinds/tombstone'
import { unread } from './kinds/unread'

/** A stored message is of the first kind that shows it. */
export const ROW_KINDS = { start, more, day, unread, outgoing, tombstone, system, message }

type Kinds = typeof ROW_KINDS
/** A row by its kind, with what that kind shows. The key stays the same as long as the row is there. */
export type Row = {
  [K in keyof Kinds]: { kind: K; key: string } & (Kinds[K] extends RowKind<infer Data> ? Data : never)
}[keyof Kinds]
export type MessageKindName = { [K in keyof Kinds]: Kinds[K] extends MessageKind ? K : never }[keyof Kinds]

const messageKinds = Object.entries(ROW_KINDS).flatMap(([name, kind]) =>
  'shows' in kind ? [[name as MessageKindName, kind] as const] : [],
)

export interface KindOfMessage extends Pick<MessageKind, 'continues'> {
  name: MessageKindName
  isLine: boolean
}

export function kindOfMessage(message: Message): KindOfMessage {
  const [name, kind] = messageKinds.find(([, kind]) => kind.shows(message)) ?? (['message', ROW_KINDS.message] as const)
  const { isLine = false, continues } = kind as MessageKind
  return continues ? { name, isLine, continues } : { name, isLine }
}

export function estimateHeight(row: Row | undefined): number {
  if (!row) return 60 * textScale()
  const kind = ROW_KINDS[row.kind] as RowKind
  return kind.estimate(row) * textScale()
}

/** The stored message that a row stands for, of whatever kind it is. */
export function messageOf(row: Row | undefined): Message | undefined {
  return row && 'message' in row ? row.message : undefined
}
