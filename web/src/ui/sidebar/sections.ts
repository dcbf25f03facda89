// The sections of the list of chats, and what stands in each. Pure.
//
// The invariant: while the list is held, because the pointer or the focus is in it, no row moves: what
// is new comes at the end of its section, and what has gone leaves.
import type { ChatItem } from '../../api/types'
import type { Texts } from '../../texts/en'
import { isChannel } from '../chats'

interface SectionKind {
  title: (texts: Texts) => string
  /** Whether a chat stands in it, unless it stands in one before. */
  has: (item: ChatItem) => boolean
}

export const SECTIONS = {
  unread: { title: t => t.unreadSection, has: item => item.unread_count > 0 },
  channels: { title: t => t.channels, has: isChannel },
  direct: { title: t => t.directMessages, has: () => true },
} satisfies Record<string, SectionKind>

export type SectionName = keyof typeof SECTIONS
const NAMES = Object.keys(SECTIONS) as SectionName[]

/** The ids of the chats in each section, in their order. */
export type Arrangement = Readonly<Record<SectionName, readonly string[]>>

/** `held` is the arrangement to keep, if the list is held. Within a section, chats go by their titles. */
export function arrange(
  chats: ReadonlyMap<string, ChatItem>,
  titleOf: (item: ChatItem) => string,
  held: Arrangement | null = null,
): Arrangement {
  const rows: Record<SectionName, string[]> = { unread: [], channels: [], direct: [] }
  const placed = new Set<string>()
  if (held) {
    for (const name of NAMES) rows[name] = held[name].filter(id => chats.has(id))
    for (const ids of Object.values(rows)) for (const id of ids) placed.add(id)
  }
  const fresh = [...chats.values()].filter(({ chat }) => !placed.has(chat.id))
  const titles = new Map(fresh.map(item => [item.chat.id, titleOf(item)]))
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })
  const titled = (id: string) => titles.get(id) ?? ''
  fresh.sort((a, b) => order.compare(titled(a.chat.id), titled(b.chat.id)) || (a.chat.id < b.chat.id ? -1 : 1))
  for (const item of fresh) {
    const name = NAMES.find(name => SECTIONS[name].has(item)) ?? 'direct'
    rows[name].push(item.chat.id)
  }
  return rows
}

/** All chats, from the top of the list to its end. */
export function inOrder(arrangement: Arrangement): string[] {
  return NAMES.flatMap(name => arrangement[name])
}
