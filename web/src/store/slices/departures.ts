// Why chats are gone that this page has seen: the user is no longer in them, or they were deleted.
import type { Event } from '../../api/types'
import type { Context } from '../slice'

export type Departure = 'left' | 'deleted'

interface Needs {
  readonly departures: ReadonlyMap<string, Departure>
}

export class Departures {
  private readonly context: Context<Needs>

  constructor(context: Context<Needs>) {
    this.context = context
  }

  onEvent(event: Event): void {
    if (event.type === 'chat.deleted') this.add(event.chat_id, 'deleted')
    else if (event.type === 'member.left' && event.member.user_id === this.context.me) this.add(event.chat_id, 'left')
  }

  private add(chatId: string, why: Departure): void {
    const { view } = this.context
    view.set({ departures: new Map(view.get().departures).set(chatId, why) })
  }
}

export const departures = {
  view: { departures: new Map() as ReadonlyMap<string, Departure> },
  open: (context: Context<Needs>) => new Departures(context),
}
