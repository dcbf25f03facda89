// What chats are called, and in what order they stand.
import type { ChatItem, User } from '../api/types'
import type { State } from '../store/fold'
import { texts } from '../texts'

/** Stands for a name that is being looked up. */
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

/** The other person of a single chat. */
export function partner(item: ChatItem, me: string): string | undefined {
  return item.chat.kind === 'single' ? item.chat.member_ids.find(id => id !== me) : undefined
}

/** When something happened last, as `/api/sync` orders chats: a message, or that I joined. */
function lastActive(item: ChatItem): string {
  const [said, joined] = [item.last_message?.created_at ?? '', item.member?.joined_at ?? '']
  return said > joined ? said : joined
}

export function byActivity(chats: State['chats']): ChatItem[] {
  const timed = [...chats.values()].map(item => ({ item, at: lastActive(item) }))
  timed.sort((a, b) => (a.at < b.at || (a.at === b.at && a.item.chat.id < b.item.chat.id) ? 1 : -1))
  return timed.map(({ item }) => item)
}

export function isChannel({ chat }: ChatItem): boolean {
  return chat.kind === 'public_channel' || chat.kind === 'private_channel'
}

/** Whether a text calls somebody: `@Ada` or `@Ada Lovelace`. */
export function isNamed(text: string, fullname: string): boolean {
  const first = fullname.split(' ')[0] ?? fullname
  const [words, name] = [text.toLocaleLowerCase(), `@${first.toLocaleLowerCase()}`]
  for (let at = words.indexOf(name); at >= 0; at = words.indexOf(name, at + 1)) {
    const [before, after] = [words[at - 1] ?? ' ', words[at + name.length] ?? ' ']
    if (!/[\p{L}\p{N}]/u.test(before) && !/[\p{L}\p{N}]/u.test(after)) return true
  }
  return false
}

export function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  const first = [...(words[0] ?? '?')][0] ?? '?'
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : ''
  return (first + last).toUpperCase()
}

/** One of twelve hues, always the same for the same id. */
export function hue(id: string): number {
  let hash = 0
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) >>> 0
  return hash % 12
}

/** How well `text` answers to what was typed: 0 not at all, higher is better. */
export function match(text: string, query: string): number {
  const [t, q] = [text.toLocaleLowerCase(), query.toLocaleLowerCase().trim()]
  if (q === '') return 1
  if (t.startsWith(q)) return 4
  if (t.split(/[\s\-_.]+/).some(word => word.startsWith(q))) return 3
  if (t.includes(q)) return 2
  let at = 0
  for (const char of q) {
    at = t.indexOf(char, at) + 1
    if (at === 0) return 0
  }
  return 1
}
