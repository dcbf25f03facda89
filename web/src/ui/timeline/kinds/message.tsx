// What a person wrote.
import type { Message } from '../../../api/types'
import { useTexts } from '../../../texts'
import { fullDate } from '../../dates'
import { MessageBody } from '../../message/MessageBody'
import { messageKind } from '../messageKind'

function Written({ message, id }: { message: Message; id: string }) {
  const t = useTexts()
  return (
    <MessageBody messageKey={message.client_id ?? message.id} text={message.body} id={id}>
      {message.edited_at && (
        <span className="edited" title={fullDate(message.edited_at)}>
          {t.edited}
        </span>
      )}
    </MessageBody>
  )
}

export const message = messageKind({ shows: () => true, Body: Written })
