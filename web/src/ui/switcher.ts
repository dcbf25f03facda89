// What the quick switcher finds among the chats of the user. Pure.
import type { Chat, ChatItem, User } from '../api/types'
import { byActivity, isChannel, isForMe } from './chats'
import { matchScore } from './matchScore'

export type Found = { kind: 'chat'; item: ChatItem } | { kind: 'channel'; chat: Chat } | { kind: 'person'; user: User }

export interface Query {
  kind: 'all' | 'channels' | 'people'
  name: string
}

const FOUND_MAX = 12

/** `#` asks for channels, `@` for people. */
export function parseQuery(text: string): Query {
  const trimmed = text.trim()
  if (trimmed.startsWith('#')) return { kind: 'channels', name: trimmed.slice(1).trim() }
  if (trimmed.startsWith('@')) return { kind: 'people', name: trimmed.slice(1).trim() }
  return { kind: 'all', name: trimmed }
}

/** The best match first; then what is unread, for the user in person before the rest; then by activity. */
export function findChats(
  chats: Iterable<ChatItem>,
  titleOf: (item: ChatItem) => string,
  { kind, name }: Query,
): Found[] {
  const urgency = (item: ChatItem) => (item.unread_count === 0 ? 0 : isForMe(item) ? 2 : 1)
  const all = byActivity(new Map([...chats].map(item => [item.chat.id, item])))
  return all
    .filter(item => kind === 'all' || isChannel(item) === (kind === 'channels'))
    .map((item, order) => ({ item, order, score: matchScore(titleOf(item), name) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || urgency(b.item) - urgency(a.item) || a.order - b.order)
    .slice(0, FOUND_MAX)
    .map(({ item }) => ({ kind: 'chat', item }))
}
