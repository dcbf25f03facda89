// What is pinned in the chat whose panel with pins is open. It follows the events while it is open.
import { unwrap } from '../../api/client'
import type { Event, Pin, Snapshot } from '../../api/types'
import { isMark, withMark } from '../marks'
import { isReaction, keepMine, withReaction } from '../reactions'
import type { Context, Live } from '../slice'

export interface Pins {
  readonly chatId: string
  /** Null until they are loaded. */
  readonly items: readonly Pin[] | null
}
interface Needs {
  readonly pins: Pins | null
}

/** More than a chat can have. */
const PAGE = 200

export class PinsSlice implements Live {
  private readonly context: Context<Needs>
  private loads = 0

  constructor(context: Context<Needs>) {
    this.context = context
  }

  /** To be called when the panel is opened, and again after a failure. */
  async open(chatId: string): Promise<void> {
    const { api, view } = this.context
    if (view.get().pins?.chatId !== chatId) view.set({ pins: { chatId, items: null } })
    const load = ++this.loads
    const items: Pin[] = []
    for (let after: string | undefined; ; ) {
      const query = { limit: PAGE, ...(after ? { after } : {}) }
      const page = await unwrap(api.GET('/api/chat/{id}/pins', { params: { path: { id: chatId }, query } }))
      items.push(...page.items)
      after = page.items.at(-1)?.message.id
      if (!page.has_more || !after) break
    }
    // What was changed meanwhile has begun another load.
    if (load === this.loads) view.set({ pins: { chatId, items } })
  }

  close(): void {
    this.loads++
    this.context.view.set({ pins: null })
  }

  onSnapshot(_: Snapshot, first: boolean): void {
    if (!first) this.reload()
  }

  onEvent(event: Event): void {
    const { pins } = this.context.view.get()
    if (!pins || !('chat_id' in event) || event.chat_id !== pins.chatId) return
    if (event.type === 'message.pinned' || event.type === 'message.unpinned') this.reload()
    else if (event.type === 'message.deleted') {
      this.change(pins, items => items.filter(({ message }) => message.id !== event.message.id))
      this.reload()
    } else if (isMark(event)) {
      this.change(pins, items => items.map(pin => ({ ...pin, message: withMark(pin.message, event) })))
    } else if (isReaction(event)) {
      const { me } = this.context
      this.change(pins, items => items.map(pin => ({ ...pin, message: withReaction(pin.message, event, me) })))
    } else if (event.type === 'message.edited') {
      const { message } = event
      this.change(pins, items =>
        items.map(pin => (pin.message.id === message.id ? { ...pin, message: keepMine(pin.message, message) } : pin)),
      )
      if (pins.items === null) this.reload()
    }
  }

  private change(pins: Pins, change: (items: readonly Pin[]) => Pin[]): void {
    if (pins.items) this.context.view.set({ pins: { ...pins, items: change(pins.items) } })
  }

  private reload(): void {
    const { pins } = this.context.view.get()
    if (pins) this.open(pins.chatId).catch(() => undefined)
  }
}

export const pins = {
  view: { pins: null } as Needs,
  open: (context: Context<Needs>) => new PinsSlice(context),
}
