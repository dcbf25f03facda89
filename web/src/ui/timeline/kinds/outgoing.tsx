// An unsent message.
import type { Outgoing } from '../../../store/slices/outbox'
import { OutgoingRow } from '../../message/OutgoingRow'
import type { RowKind } from '../kind'
import { textHeight } from '../textHeight'

export const outgoing: RowKind<{ entry: Outgoing; head: boolean }> = {
  Row: ({ row, onEdit }) => <OutgoingRow entry={row.entry} head={row.head} onEdit={onEdit} />,
  estimate: ({ entry, head }) => textHeight(entry.body, head),
}
