// The threads that the user follows, and how far they have read each. A position moves forward at once
// in this tab and is sent to the server with retries, the newest one alone.
import { ApiError, unwrap } from '../../api/client'
import type { FollowedThread, Message } from '../../api/types'
import { backoff, pause } from '../retry'
import { SignedOut } from '../session'
import type { Context } from '../slice'
import { type Threads, threadFold } from './threadFold'

interface Needs {
  readonly data: { readonly threads: Threads } | null
}

const SEND_INTERVAL_MS = 250

export class ThreadsSlice {
  private readonly context: Context<Needs>
  /** Positions that the server may not know yet, by root. */
  private readonly unsent = new Map<string, number>()
  private readonly sending = new Set<string>()

  constructor(context: Context<Needs>) {
    this.context = context
  }

  /** A page of the threads that the user follows, the one with the newest reply first. */
  list(after: string | undefined): Promise<{ items: FollowedThread[]; has_more: boolean }> {
    const query = after ? { after } : {}
    return unwrap(this.context.api.GET('/api/threads', { params: { query } }))
  }

  /** Follows a thread, or follows it no more. */
  async follow(root: Pick<Message, 'chat_id' | 'id'>, following: boolean): Promise<void> {
    const { api } = this.context
    const params = { path: { id: root.chat_id, message_id: root.id } }
    await unwrap(
      following
        ? api.PUT('/api/chat/{id}/messages/{message_id}/thread/follow', { params })
        : api.DELETE('/api/chat/{id}/messages/{message_id}/thread/follow', { params }),
    )
  }

  /** Moves the read position of a thread that the user follows forward, never back. */
  markRead(chatId: string, rootId: string, no: number): void {
    const known = this.state(rootId)
    if (!known || no <= Math.max(known.read_no, this.unsent.get(rootId) ?? 0)) return
    this.unsent.set(rootId, no)
    if (!this.sending.has(rootId)) void this.send(chatId, rootId)
  }

  private state(rootId: string) {
    return this.context.view.get().data?.threads.get(rootId)
  }

  private async send(chatId: string, rootId: string): Promise<void> {
    const { api, signal } = this.context
    this.sending.add(rootId)
    for (let failures = 0; ; ) {
      await pause(failures === 0 ? SEND_INTERVAL_MS : backoff(failures, 1000, Math.random), signal)
      const known = this.state(rootId)
      const no = this.unsent.get(rootId)
      if (signal.aborted || !known || no === undefined || no <= known.read_no) break
      try {
        const params = { path: { id: chatId, message_id: rootId } }
        const body = { thread_no: no }
        const thread = await unwrap(api.POST('/api/chat/{id}/messages/{message_id}/thread/read', { params, body }))
        // The stream brings the same event later; applying it twice changes nothing.
        if (thread) this.context.fold({ type: 'thread.updated', at: '', chat_id: chatId, thread })
        if (this.unsent.get(rootId) === no) this.unsent.delete(rootId)
        if (!thread) break
        failures = 0
      } catch (error) {
        if (error instanceof SignedOut || (error instanceof ApiError && !error.isTemporary)) break
        failures++
      }
    }
    this.sending.delete(rootId)
    this.unsent.delete(rootId)
  }
}

export const threads = {
  fold: threadFold,
  open: (context: Context<Needs>) => new ThreadsSlice(context),
}
