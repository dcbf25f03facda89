// The icon of a chat: its kind, or in a single chat the avatar of the other user.
import { Hash, Lock, Users } from 'lucide-react'
import type { ChatItem } from '../api/types'
import { Avatar } from './Avatar'
import { otherUserId } from './chats'
import { useMe } from './hooks'

export function ChatIcon({ item, size = 's' }: { item: ChatItem; size?: 's' | 'm' }) {
  const me = useMe()
  const other = otherUserId(item, me.id)
  if (other) return <Avatar userId={other} size={size} />
  const Icon = item.chat.kind === 'group' ? Users : item.chat.kind === 'private_channel' ? Lock : Hash
  return (
    <span className={`chat-icon chat-icon-${size}`} aria-hidden="true">
      <Icon />
    </span>
  )
}
