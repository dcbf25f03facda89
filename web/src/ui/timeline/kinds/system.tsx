// A system line: what happened in the chat. Several people who joined are one line.
import type { Message } from '../../../api/types'
import { clock, fullDate } from '../../dates'
import { SystemText } from '../../message/SystemText'
import type { MessageKind } from '../kind'

/** A run ends where the number of its messages is a multiple of this, so that it is short. */
const RUN_LENGTH = 50

export const system: MessageKind = {
  shows: message => message.kind === 'system',
  isLine: true,
  continues: (message, before) =>
    message.system?.type === 'joined' &&
    before.system?.type === 'joined' &&
    joinedBy(message) === joinedBy(before) &&
    Math.floor(message.seq / RUN_LENGTH) === Math.floor(before.seq / RUN_LENGTH),
  Row: ({ row: { message, earlier } }) => (
    <p className="system-line">
      <SystemText messages={earlier ? [...earlier, message] : [message]} />{' '}
      <time dateTime={message.created_at} title={fullDate(message.created_at)}>
        {clock(message.created_at)}
      </time>
    </p>
  ),
  estimate: () => 30,
}

/** Who added those who joined; null if they did so themselves. */
function joinedBy({ system, sender_id }: Message): string | null {
  return system?.type === 'joined' && system.user_ids.includes(sender_id) ? null : sender_id
}
