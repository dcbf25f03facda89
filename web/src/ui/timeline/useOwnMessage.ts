// Scrolls to the end when the user sends a message.
import { useEffect, useRef } from 'react'
import { type ConversationKey, conversationOf } from '../../store/conversation'
import { useView } from '../hooks'

export function useOwnMessage(conversation: ConversationKey, scrollToEnd: () => void): void {
  const newest = useView(view => view.outgoing.findLast(entry => conversationOf(entry) === conversation)?.client_id)
  const previous = useRef(newest)
  useEffect(() => {
    if (newest && newest !== previous.current) scrollToEnd()
    previous.current = newest
  }, [newest, scrollToEnd])
}
