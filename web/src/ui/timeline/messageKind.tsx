// A kind of row with a sender, a time and actions. They differ in what the message says.
//
// The invariant: all have the same component, so that a message that becomes another kind (deleted,
// for example) keeps its element and the focus.
import { numberIn } from '../../store/conversation'
import { type MessageContent, MessageRow } from '../message/MessageRow'
import type { MessageData, MessageKind, RowContext, RowKind } from './kind'
import { textHeight } from './textHeight'

interface FramedKind extends MessageKind {
  Body: MessageContent
}

type FramedRowProps = RowContext & { row: MessageData; kind: RowKind<MessageData> }

function FramedRow({ row, kind, conversation, item, seq, onReply, onEdit }: FramedRowProps) {
  return (
    <MessageRow
      conversation={conversation}
      message={row.message}
      head={row.head}
      marked={numberIn(conversation, row.message) === seq}
      may={item.may}
      Body={(kind as FramedKind).Body}
      onReply={onReply}
      onEdit={onEdit}
    />
  )
}

export function messageKind(kind: Pick<FramedKind, 'shows' | 'Body'>): FramedKind {
  return { ...kind, Row: FramedRow, estimate: ({ message, head }) => textHeight(message.body, head) }
}
