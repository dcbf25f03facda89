// What stands under a message that is pinned, or that the user keeps for later.
import { Bookmark, Pin } from 'lucide-react'
import type { Message } from '../../api/types'
import { useTexts } from '../../texts'
import { UserName } from '../UserName'

export function Marks({ message }: { message: Message }) {
  const t = useTexts()
  if (!message.pinned && !message.saved) return null
  return (
    <p className="message-marks">
      {message.pinned && (
        <span className="message-mark">
          <Pin aria-hidden="true" />
          <span>
            {t.pinnedBy} <UserName userId={message.pinned.by} />
          </span>
        </span>
      )}
      {message.saved && (
        <span className="message-mark">
          <Bookmark aria-hidden="true" />
          {t.savedMark}
        </span>
      )}
    </p>
  )
}
