// How far the user has read a conversation, be it a chat or a thread.
import { useMemo } from 'react'
import type { ChatItem, Message } from '../../api/types'
import { type ConversationKey, numberIn, parseConversation } from '../../store/conversation'
import { useStore, useView } from '../hooks'

export interface Reading {
  unread: number
  /** Grows with each message that can be unread. */
  last: number
  /** The number that the user has read up to. */
  readTo: () => number
  markRead: (message: Message) => void
}

export function useReading(conversation: ConversationKey, item: ChatItem): Reading {
  const store = useStore()
  const { chatId, rootId } = parseConversation(conversation)
  const thread = useView(view => (rootId ? view.data?.threads.get(rootId) : undefined))
  const unread = rootId ? (thread?.unread_count ?? 0) : item.unread_count
  const last = rootId ? (thread?.last_no ?? 0) : item.chat.last_root_no
  return useMemo(
    () => ({
      unread,
      last,
      readTo: () => (rootId ? store.threads.readTo(rootId) : store.readPositions.readTo(chatId)),
      markRead: message => {
        const number = numberIn(conversation, message)
        if (rootId) store.threads.markRead(rootId, number)
        else store.readPositions.markRead(chatId, number)
      },
    }),
    [store, conversation, chatId, rootId, unread, last],
  )
}
