// What is unread in a workspace: a number for what is for the user in person, a dot for the rest.
import { useTexts } from '../texts'
import { UnreadBadge } from './UnreadBadge'

interface Counts {
  unread: number | undefined
  mentions: number | undefined
}

export function WorkspaceUnread({ unread = 0, mentions = 0 }: Counts) {
  const t = useTexts()
  if (mentions > 0) return <UnreadBadge count={mentions} />
  if (unread <= 0) return null
  return (
    <span className="unread-dot">
      <span className="visually-hidden">{t.unread}</span>
    </span>
  )
}
