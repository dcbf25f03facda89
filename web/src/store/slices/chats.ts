// The chats of the user: folded, and those that the snapshot left out loaded by pages.
import { unwrap } from '../../api/client'
import type { ChatItem, Event, Snapshot } from '../../api/types'
import { CHATS_PER_PAGE } from '../early'
import { backoff, pause } from '../retry'
import type { Context, Live } from '../slice'
import { type Chats as AllChats, chatFold } from './chatFold'
import { Paging } from './paging'

/** More chats than the server lets a user be in. */
const CHATS_MAX = 4000

interface Needs {
  readonly data: { readonly chats: AllChats } | null
  /** Whether further pages of chats are still to be loaded. */
  readonly partial: boolean
}

export class Chats implements Live {
  private readonly context: Context<Needs>
  private paging: Paging | null = null

  constructor(context: Context<Needs>) {
    this.context = context
  }

  onSnapshot({ chats }: Snapshot): void {
    this.paging = chats.has_more ? new Paging(chats.items, this.context.me) : null
    this.context.view.set({ partial: this.paging !== null })
    if (this.paging) void this.loadFurther(this.paging)
  }

  onEvent(event: Event): void {
    this.paging?.saw(event)
  }

  /**
   * Loads the chats that the snapshot left out, page by page. Until then their old state is shown.
   */
  private async loadFurther(paging: Paging): Promise<void> {
    const { api, signal } = this.context
    let after: string | undefined
    for (let loaded = 0, failures = 0; loaded < CHATS_MAX; ) {
      try {
        const query = { limit: CHATS_PER_PAGE, ...(after ? { after } : {}) }
        const page = await unwrap(api.GET('/api/chat', { params: { query } }))
        if (this.paging !== paging) return
        this.merge(paging, page.items)
        loaded += page.items.length
        after = page.items.at(-1)?.chat.id
        if (!page.has_more || !after) break
      } catch {
        if (signal.aborted || this.paging !== paging) return
        await pause(backoff(++failures, 1000, Math.random), signal)
      }
    }
    if (this.paging !== paging) return
    this.paging = null
    this.change(chats => paging.finish(chats))
    this.context.view.set({ partial: false })
  }

  private merge(paging: Paging, items: readonly ChatItem[]): void {
    this.change(chats => paging.merge(chats, items))
    this.context.loaded({ chats: items })
  }

  private change(change: (chats: AllChats) => AllChats): void {
    const { view } = this.context
    const { data } = view.get()
    if (data) view.set({ data: { ...data, chats: change(data.chats) } })
  }

  /**
   * Loads a chat that is not in the list: its page is still to come, or the user is not a member.
   */
  async fetch(id: string): Promise<ChatItem> {
    const { paging } = this
    const item = await unwrap(this.context.api.GET('/api/chat/{id}', { params: { path: { id } } }))
    if (item.member && paging && this.paging === paging) this.merge(paging, [item])
    return item
  }

  /** Adds a chat that the user made or joined, before its event arrives. */
  add(item: ChatItem): void {
    this.change(chats => {
      if (chats.has(item.chat.id)) return chats
      this.paging?.knows(item.chat.id)
      return new Map(chats).set(item.chat.id, item)
    })
  }

  /** The id of the single chat with a user, which is created if there is none. */
  async openSingle(userId: string): Promise<string> {
    const { api, view } = this.context
    for (const { chat } of view.get().data?.chats.values() ?? [])
      if (chat.kind === 'single' && chat.member_ids.includes(userId)) return chat.id
    const item = await unwrap(api.POST('/api/chat', { body: { kind: 'single', members: [userId] } }))
    this.add(item)
    return item.chat.id
  }
}

export const chats = {
  fold: chatFold,
  view: { partial: true },
  open: (context: Context<Needs>) => new Chats(context),
}
