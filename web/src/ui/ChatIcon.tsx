// The icon of a chat: its kind, or among people the avatars of others.
import { Hash, Lock, Users } from 'lucide-react'
import type { ChatItem } from '../api/types'
import { Avatar } from './Avatar'
import { otherUserId } from './chats'
import { useMe } from './hooks'

export function ChatIcon({ item, size = 's' }: { item: ChatItem; size?: 's' | 'm' }) {
  const me = useMe()
  const other = otherUserId(item, me.id)
  if (other) return <Avatar userId={other} size={size} />
  const [first, second] = item.chat.kind === 'group' ? item.chat.member_ids.filter(id => id !== me.id) : []
  if (first && second)
    return (
      <span className={`faces faces-${size}`} aria-hidden="true">
        <Avatar userId={first} size="s" />
        <Avatar userId={second} size="s" />
      </span>
    )
  const Icon = item.chat.kind === 'group' ? Users : item.chat.kind === 'private_channel' ? Lock : Hash
  return (
    <span className={`chat-icon chat-icon-${size}`} aria-hidden="true">
      <Icon />
    </span>
  )
}
