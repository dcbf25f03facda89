import type { Message } from '../api/types'
import type { ConversationKey } from '../store/conversation'
import type { Store } from '../store/store'

/** The newest message of a conversation that the user wrote and can edit, of those that are loaded. */
export function lastOwnMessage(store: Store, conversation: ConversationKey): Message | undefined {
  const { windows, data } = store.view.get()
  const items = windows.get(conversation)?.items ?? []
  return items.findLast(
    ({ sender_id, kind, deleted_at }) => sender_id === data?.user.id && kind === 'user' && !deleted_at,
  )
}
