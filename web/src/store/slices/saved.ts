// What the user keeps for later, while the page that lists it is open. It follows the events.
import { unwrap } from '../../api/client'
import type { Event, Saved, Snapshot } from '../../api/types'
import { keepMine } from '../reactions'
import type { Context, Live } from '../slice'

export interface SavedList {
  readonly items: readonly Saved[]
  readonly hasMore: boolean
}
interface Needs {
  /** Null until it is loaded. */
  readonly saved: SavedList | null
}

const PAGE = 50

export class SavedSlice implements Live {
  private readonly context: Context<Needs>
  private isOpen = false
  private loads = 0

  constructor(context: Context<Needs>) {
    this.context = context
  }

  /** To be called when the page is opened, and again after a failure. */
  async open(): Promise<void> {
    this.isOpen = true
    const load = ++this.loads
    const page = await this.fetch()
    // What was changed meanwhile has begun another load.
    if (load === this.loads) this.context.view.set({ saved: { items: page.items, hasMore: page.has_more } })
  }

  async more(): Promise<void> {
    const after = this.context.view.get().saved?.items.at(-1)?.message_id
    if (!after) return
    const load = this.loads
    const page = await this.fetch(after)
    const { saved } = this.context.view.get()
    if (load !== this.loads || !saved) return
    this.context.view.set({ saved: { items: [...saved.items, ...page.items], hasMore: page.has_more } })
  }

  close(): void {
    this.isOpen = false
    this.loads++
    this.context.view.set({ saved: null })
  }

  /** Keeps a message no more, also one that cannot be read any longer. */
  async remove(messageId: string): Promise<void> {
    await unwrap(this.context.api.DELETE('/api/saved/{message_id}', { params: { path: { message_id: messageId } } }))
    this.take(messageId)
  }

  onSnapshot(_: Snapshot, first: boolean): void {
    if (!first) this.reload()
  }

  onEvent(event: Event): void {
    if (!this.isOpen) return
    switch (event.type) {
      case 'message.unsaved':
        this.take(event.saved.message_id)
        this.reloadUnlessLoaded()
        return
      case 'message.edited': {
        const { message } = event
        this.change(kept =>
          kept.message?.id === message.id ? { ...kept, message: keepMine(kept.message, message) } : kept,
        )
        this.reloadUnlessLoaded()
        return
      }
      case 'message.deleted':
        this.change(kept => (kept.message_id === event.message.id ? { ...kept, message: null } : kept))
        this.reloadUnlessLoaded()
        return
      case 'member.left':
      case 'member.joined':
        if (event.member.user_id === this.context.me) this.reload()
        return
      case 'message.saved':
      case 'chat.deleted':
        this.reload()
    }
  }

  private fetch(after?: string) {
    const query = { limit: PAGE, ...(after ? { after } : {}) }
    return unwrap(this.context.api.GET('/api/saved', { params: { query } }))
  }

  private take(messageId: string): void {
    const { saved } = this.context.view.get()
    const items = saved?.items.filter(kept => kept.message_id !== messageId)
    if (saved && items) this.context.view.set({ saved: { ...saved, items } })
  }

  private change(change: (kept: Saved) => Saved): void {
    const { saved } = this.context.view.get()
    if (saved) this.context.view.set({ saved: { ...saved, items: saved.items.map(change) } })
  }

  /** An answer that is under way may be older than the event. */
  private reloadUnlessLoaded(): void {
    if (!this.context.view.get().saved) this.reload()
  }

  private reload(): void {
    if (this.isOpen) this.open().catch(() => undefined)
  }
}

export const saved = {
  view: { saved: null } as Needs,
  open: (context: Context<Needs>) => new SavedSlice(context),
}
