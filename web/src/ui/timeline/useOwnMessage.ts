// Scrolls to the end when the user sends a message.
import { useEffect, useRef } from 'react'
import { useView } from '../hooks'

export function useOwnMessage(chatId: string, scrollToEnd: () => void): void {
  const newest = useView(view => view.outgoing.findLast(entry => entry.chat_id === chatId)?.client_id)
  const previous = useRef(newest)
  useEffect(() => {
    if (newest && newest !== previous.current) scrollToEnd()
    previous.current = newest
  }, [newest, scrollToEnd])
}
