// The box of a conversation, and what its messages put into it.
import { type RefObject, useCallback, useEffect, useRef } from 'react'
import type { Message } from '../api/types'
import type { ConversationKey } from '../store/conversation'
import type { Edited } from '../store/slices/drafts'
import { useStore } from './hooks'

interface Writing {
  textarea: RefObject<HTMLTextAreaElement | null>
  onReply: (message: Message) => void
  onEdit: (edited: Edited) => void
  /** The newest message that the user wrote, of those that are loaded. */
  lastOwnMessage: () => Message | undefined
}

/** Forgets the loaded messages when the user leaves, as far as they have to be read anew. */
export function useWriting(conversation: ConversationKey): Writing {
  const store = useStore()
  const textarea = useRef<HTMLTextAreaElement>(null)
  const onEdit = useCallback(
    (edited: Edited) => {
      store.drafts.edit(conversation, edited)
      textarea.current?.focus()
    },
    [store, conversation],
  )
  const onReply = useCallback(
    (message: Message) => {
      store.drafts.change(conversation, { reply_to: message.id, edit: null })
      textarea.current?.focus()
    },
    [store, conversation],
  )
  useEffect(() => () => store.messages.leave(conversation), [store, conversation])
  const lastOwnMessage = () => {
    const { windows, data } = store.view.get()
    const isOwn = ({ sender_id, kind, deleted_at }: Message) =>
      sender_id === data?.user.id && kind === 'user' && !deleted_at
    return windows.get(conversation)?.items.findLast(isOwn)
  }
  return { textarea, onReply, onEdit, lastOwnMessage }
}
