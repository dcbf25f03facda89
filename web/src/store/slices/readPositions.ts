// How far the user has read each chat. A position moves forward at once in this tab and is sent to
// the server at most every SEND_INTERVAL_MS, with retries. Which messages count as read is up to
// the caller (ui/timeline/useReadMarking.ts).
//
// The invariant: a position never moves back.
import { ApiError, unwrap } from '../../api/client'
import { backoff, pause } from '../retry'
import { SignedOut } from '../session'
import type { Context } from '../slice'
import type { Chats } from './chatFold'

interface Needs {
  readonly data: { readonly chats: Chats } | null
}

const SEND_INTERVAL_MS = 250

export class ReadPositions {
  private readonly context: Context<Needs>
  /** Positions that the server may not know yet, by chat. */
  private readonly unsent = new Map<string, number>()
  private readonly sending = new Set<string>()

  constructor(context: Context<Needs>) {
    this.context = context
  }

  private chat(chatId: string) {
    return this.context.view.get().data?.chats.get(chatId)
  }

  /** The `seq` up to which the user has read the chat. */
  readTo(chatId: string): number {
    return Math.max(this.chat(chatId)?.read_seq ?? 0, this.unsent.get(chatId) ?? 0)
  }

  /**
   * Moves the read position forward, never back. Sending it to the server is retried until it
   * succeeds.
   */
  markRead(chatId: string, seq: number): void {
    if (seq <= this.readTo(chatId) || !this.chat(chatId)) return
    this.unsent.set(chatId, seq)
    if (!this.sending.has(chatId)) void this.send(chatId)
  }

  private async send(chatId: string): Promise<void> {
    const { api, signal } = this.context
    this.sending.add(chatId)
    for (let failures = 0; ; ) {
      await pause(failures === 0 ? SEND_INTERVAL_MS : backoff(failures, 1000, Math.random), signal)
      const known = this.chat(chatId)?.read_seq
      const seq = this.unsent.get(chatId)
      if (signal.aborted || known === undefined || seq === undefined || seq <= known) break
      try {
        const path = { id: chatId }
        const read = await unwrap(api.POST('/api/chat/{id}/read', { params: { path }, body: { seq } }))
        // The stream brings the same event later; applying it twice changes nothing.
        this.context.fold({ type: 'chat.read', at: '', chat_id: chatId, read })
        if (this.unsent.get(chatId) === seq) this.unsent.delete(chatId)
        failures = 0
      } catch (error) {
        if (error instanceof SignedOut || (error instanceof ApiError && !error.isTemporary)) break
        failures++
      }
    }
    this.sending.delete(chatId)
    this.unsent.delete(chatId)
  }
}

export const readPositions = { open: (context: Context<Needs>) => new ReadPositions(context) }
