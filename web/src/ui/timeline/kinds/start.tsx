// The beginning of a chat.
import { useTexts } from '../../../texts'
import { useChatTitle } from '../../hooks'
import type { RowContext, RowKind } from '../kind'

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

export const start: RowKind = { Row: ChatBeginning, estimate: () => 120 }
