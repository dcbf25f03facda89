// Where people write: a chat, or a thread of a chat. Windows of messages, drafts, unsent messages,
// timelines and composers are kept by its key. Pure.
import type { Message } from '../api/types'

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

/** The conversation that a message was written to, stored or unsent. */
export function conversationOf(message: { chat_id: string; root_id?: string | null }): ConversationKey {
  return conversationKey(message.chat_id, message.root_id)
}

/** Whether a conversation shows a message: a reply in a thread can stand in the main line as well. */
export function shows(key: ConversationKey, message: Message): boolean {
  const { chatId, rootId } = parseConversation(key)
  if (message.chat_id !== chatId) return false
  return rootId ? message.root_id === rootId : isInMainLine(message)
}

export function isInMainLine({ root_id, also_in_chat }: Pick<Message, 'root_id' | 'also_in_chat'>): boolean {
  return !root_id || also_in_chat === true
}

/** The number of a message in a conversation that shows it: in a thread without gaps. */
export function numberIn(key: ConversationKey, { seq, thread_no = 0 }: Message): number {
  return parseConversation(key).rootId ? thread_no : seq
}
