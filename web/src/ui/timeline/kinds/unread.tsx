// The line above the first unread message.
import { useTexts } from '../../../texts'
import type { RowKind } from '../kind'

function UnreadLine() {
  const t = useTexts()
  return (
    <div className="unread-line">
      <span>{t.newLine}</span>
    </div>
  )
}

export const unread: RowKind = { Row: UnreadLine, estimate: () => 44 }
