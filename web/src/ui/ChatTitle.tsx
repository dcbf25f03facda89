import type { ChatItem } from '../api/types'
import { useChatTitle } from './hooks'

export function ChatTitle({ item }: { item: ChatItem }) {
  return <bdi>{useChatTitle(item)}</bdi>
}
