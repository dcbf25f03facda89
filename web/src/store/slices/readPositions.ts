// How far the user has read each chat. A position moves forward at once in this tab. Which messages
// count as read is up to the caller (ui/timeline/useReadMarking.ts).
import { unwrap } from '../../api/client'
import { Positions } from '../positions'
import type { Context } from '../slice'
import type { Chats } from './chatFold'

interface Needs {
  readonly data: { readonly chats: Chats } | null
}

export class ReadPositions {
  private readonly positions: Positions

  constructor({ api, view, signal, fold }: Context<Needs>) {
    this.positions = new Positions({
      signal,
      known: chatId => view.get().data?.chats.get(chatId)?.read_seq,
      send: async (chatId, seq) => {
        const path = { id: chatId }
        const read = await unwrap(api.POST('/api/chat/{id}/read', { params: { path }, body: { seq } }))
        // The stream brings the same event later; applying it twice changes nothing.
        fold({ type: 'chat.read', at: '', chat_id: chatId, read })
      },
    })
  }

  /** The `seq` up to which the user has read the chat. */
  readTo(chatId: string): number {
    return this.positions.get(chatId)
  }

  /** Moves the read position forward, never back. */
  markRead(chatId: string, seq: number): void {
    this.positions.move(chatId, seq)
  }
}

export const readPositions = { open: (context: Context<Needs>) => new ReadPositions(context) }
