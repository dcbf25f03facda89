// Titles, kinds and the order of chats. Pure.
import type { ChatItem, User } from '../api/types'
import type { State } from '../store/fold'
import { texts } from '../texts'

/** In place of a name that is being looked up. */
export const UNKNOWN = '…'

export function chatTitle(item: ChatItem, me: string, users: ReadonlyMap<string, User>): string {
  const { chat } = item
  if (chat.name) return chat.name
  const names = chat.member_ids.filter(id => id !== me).map(id => users.get(id)?.fullname ?? UNKNOWN)
  if (chat.kind === 'single') return names[0] ?? texts().justYou
  const first = names.slice(0, 3).map(name => name.split(' ')[0] ?? name)
  const more = chat.member_count - 1 - first.length
  return more > 0 ? `${first.join(', ')} +${more}` : first.join(', ')
}

/** The other user of a single chat. */
export function otherUserId(item: ChatItem, me: string): string | undefined {
  return item.chat.kind === 'single' ? item.chat.member_ids.find(id => id !== me) : undefined
}

/**
 * The time of the last message, or of joining if that is later; `/api/sync` orders chats by it too.
 */
function lastActive(item: ChatItem): string {
  const [messageAt, joinedAt] = [item.last_message?.created_at ?? '', item.member?.joined_at ?? '']
  return messageAt > joinedAt ? messageAt : joinedAt
}

/** The chats with the latest activity first. */
export function byActivity(chats: State['chats']): ChatItem[] {
  const timed = [...chats.values()].map(item => ({ item, at: lastActive(item) }))
  timed.sort((a, b) => (a.at < b.at || (a.at === b.at && a.item.chat.id < b.item.chat.id) ? 1 : -1))
  return timed.map(({ item }) => item)
}

export function isChannel({ chat }: ChatItem): boolean {
  return chat.kind === 'public_channel' || chat.kind === 'private_channel'
}

/** Whether its unread messages are for the user in person. */
export function isForMe(item: ChatItem): boolean {
  return !isChannel(item)
}
