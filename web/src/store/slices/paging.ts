// The chats that a snapshot had no room for. They come by pages while the stream goes on: what
// happened to a chat since its page was asked for is told to it afterwards.
import type { ChatItem, Event } from '../../api/types'
import { type Chats, chatFold } from './chatFold'

export class Paging {
  private readonly meanwhile: Event[] = []
  /** Those that need not be fetched: they came with the snapshot, a page or an event. */
  private readonly known: Set<string>
  /** Those that an event spoke of as new to a person: they are still there. */
  private readonly joined = new Set<string>()
  private readonly me: string

  constructor(fresh: readonly ChatItem[], me: string) {
    this.me = me
    this.known = new Set(fresh.map(item => item.chat.id))
  }

  /** The same for a chat that came by itself. */
  knows(id: string): void {
    this.known.add(id)
  }

  saw(event: Event): void {
    if (!('chat_id' in event)) return
    this.meanwhile.push(event)
    if (event.type === 'chat.created' || event.type === 'member.joined') this.joined.add(event.chat_id)
  }

  merge(chats: Chats, items: readonly ChatItem[]): Chats {
    const fresh = items.filter(item => !this.known.has(item.chat.id))
    if (fresh.length === 0) return chats
    let next: Chats = new Map([...chats, ...fresh.map(item => [item.chat.id, item] as const)])
    const ids = new Set(fresh.map(item => item.chat.id))
    for (const id of ids) this.known.add(id)
    for (const event of this.meanwhile) {
      if ('chat_id' in event && ids.has(event.chat_id)) next = chatFold.apply(next, event, this.me)
    }
    return next
  }

  /**
   * All pages are here: what was in none of them, and did not come since, is no chat of the user's
   * any more.
   */
  finish(chats: Chats): Chats {
    const left = [...chats].filter(([id]) => this.known.has(id) || this.joined.has(id))
    return left.length === chats.size ? chats : new Map(left)
  }
}
