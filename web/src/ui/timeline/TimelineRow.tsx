// One row of a timeline: a message, an unsent message, or a line between them.
import type { ChatItem } from '../../api/types'
import { useTexts } from '../../texts'
import { dayName } from '../dates'
import { useChatTitle } from '../hooks'
import { MessageRow, OutgoingRow } from '../MessageRow'
import { Skeleton } from '../Skeleton'
import type { Row } from './rows'
import type { TimelineProps } from './Timeline'

interface TimelineRowProps extends Omit<TimelineProps, 'conversation'> {
  row: Row
}

export function TimelineRow({ row, item, seq, onReply, onEdit }: TimelineRowProps) {
  const t = useTexts()
  switch (row.kind) {
    case 'day':
      return (
        <div className="day">
          <span>{dayName(row.at)}</span>
        </div>
      )
    case 'unread':
      return (
        <div className="unread-line">
          <span>{t.newLine}</span>
        </div>
      )
    case 'more':
      return <Skeleton />
    case 'start':
      return <ChatBeginning item={item} />
    case 'message':
      return (
        <MessageRow
          message={row.message}
          head={row.head}
          marked={row.message.seq === seq}
          mayDeleteAny={item.may.includes('delete_message_of_others')}
          onReply={onReply}
          onEdit={onEdit}
        />
      )
    case 'outgoing':
      return <OutgoingRow entry={row.entry} head={row.head} onEdit={onEdit} />
  }
}

function ChatBeginning({ item }: { item: ChatItem }) {
  const t = useTexts()
  const title = useChatTitle(item)
  const text = t.beginning[item.chat.kind](title)
  return (
    <div className="beginning">
      <h2 dir="auto">{title}</h2>
      <p>{text}</p>
    </div>
  )
}
