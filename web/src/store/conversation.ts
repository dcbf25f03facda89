// Where people write: a chat, or a thread of a chat. Windows of messages, drafts, unsent messages,
// timelines and composers are kept by its key. Pure.

/** The key of a conversation: the id of the chat, or `chat_id/root_id` for a thread. */
export type ConversationKey = string & { readonly conversation: unique symbol }

export interface Conversation {
  readonly chatId: string
  /** The message that the thread is about; null for the chat itself. */
  readonly rootId: string | null
}

export function conversationKey(chatId: string, rootId?: string | null): ConversationKey {
  return (rootId ? `${chatId}/${rootId}` : chatId) as ConversationKey
}

/** Takes any text: keys also come from storage. */
export function parseConversation(key: string): Conversation {
  const slash = key.indexOf('/')
  return slash < 0
    ? { chatId: key, rootId: null }
    : { chatId: key.slice(0, slash), rootId: key.slice(slash + 1) || null }
}

/** The conversation that a message, stored or unsent, belongs to. */
export function conversationOf(message: { chat_id: string; root_id?: string | null }): ConversationKey {
  return conversationKey(message.chat_id, message.root_id)
}

/**
 * The id of the chat, for a request to its endpoints. Throws for a thread: the server has none yet,
 * and what belongs to a thread must not end up in the chat.
 */
export function chatIdOf(key: ConversationKey): string {
  const { chatId, rootId } = parseConversation(key)
  if (rootId) throw new Error('there are no threads yet')
  return chatId
}
