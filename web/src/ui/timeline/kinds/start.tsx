// The beginning of a chat, or of a thread: the message that it is about.
import type { Message } from '../../../api/types'
import { parseConversation } from '../../../store/conversation'
import { useTexts } from '../../../texts'
import { useChatTitle, useQuoted } from '../../hooks'
import { MessageRow } from '../../message/MessageRow'
import type { RowContext, RowKind } from '../kind'
import { message } from './message'
import { tombstone } from './tombstone'

function Beginning(context: RowContext) {
  const { rootId } = parseConversation(context.conversation)
  return rootId ? <ThreadBeginning {...context} rootId={rootId} /> : <ChatBeginning {...context} />
}

function ChatBeginning({ item }: RowContext) {
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

function ThreadBeginning({ conversation, item, rootId, onReply, onEdit }: RowContext & { rootId: string }) {
  const t = useTexts()
  const root = useQuoted(conversation, rootId)
  if (!root) return null
  return (
    <div className="thread-beginning">
      <MessageRow
        conversation={conversation}
        message={root}
        head
        marked={false}
        may={item.may}
        Body={bodyOf(root)}
        onReply={onReply}
        onEdit={onEdit}
      />
      <p className="thread-rule">{t.replies(root.thread?.reply_count ?? 0)}</p>
    </div>
  )
}

function bodyOf(root: Message) {
  return root.deleted_at ? tombstone.Body : message.Body
}

export const start: RowKind = { Row: Beginning, estimate: () => 120 }
