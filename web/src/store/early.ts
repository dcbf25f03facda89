// What is asked for before the code of the window is loaded: the token, the first snapshot, and after it
// the messages of the chat in the address. Slow networks are asked once, not step by step.
//
// The invariant: the messages are read after the snapshot, so the stream brings what happens to them
// since.
import { connectApi, unwrap } from '../api/client'
import type { MessageList, Snapshot } from '../api/types'
import { type ConversationKey, conversationKey, parseConversation } from './conversation'
import { type OpeningQuery, openingQuery } from './openingQuery'
import { type Session, SignedOut } from './session'

/** The chats that a snapshot has at most, and the messages of a page. */
export const CHATS_PER_PAGE = 200
export const PAGE = 100

/** The workspace that a path names; null if it names none. */
export function workspaceIn(path: string): string | null {
  return /^\/w\/([^/]+)/.exec(path)?.[1] ?? null
}

export interface Early {
  /** A store has taken it. Another account may sign in later. */
  taken: boolean
  snapshot: Promise<Snapshot>
  /** Null if the address has no chat. */
  opened: { conversation: ConversationKey; seq: number | undefined } | null
  /** The page of `opened`; null if it is not a chat of the user. */
  page: Promise<{ query: OpeningQuery; list: MessageList } | null>
}

export function askEarly(session: Session, path: string): Early {
  const api = connectApi(session)
  const [, chatId, seq] = /\/c\/([0-9a-f-]{36})(?:\/(\d+))?$/.exec(path) ?? []
  const opened = chatId ? { conversation: conversationKey(chatId), seq: seq ? Number(seq) : undefined } : null
  const snapshot = (async () => {
    if (!(await session.resume())) throw new SignedOut()
    return unwrap(api.GET('/api/sync', { params: { query: { limit: CHATS_PER_PAGE } } }))
  })()
  const page = snapshot.then(async ({ chats }) => {
    const item = opened && chats.items.find(item => item.chat.id === parseConversation(opened.conversation).chatId)
    if (!item) return null
    const query = openingQuery(item, opened.seq)
    const params = { path: { id: item.chat.id }, query: { ...query, limit: PAGE } }
    return { query, list: await unwrap(api.GET('/api/chat/{id}/messages', { params })) }
  })
  // Whoever needs them asks again.
  snapshot.catch(() => undefined)
  page.catch(() => undefined)
  return { taken: false, snapshot, opened, page }
}
