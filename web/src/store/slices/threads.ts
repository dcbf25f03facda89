// The threads that the user follows, and how far they have read each. A position moves forward at once
// in this tab.
import { unwrap } from '../../api/client'
import type { FollowedThread, Message } from '../../api/types'
import { Positions } from '../positions'
import type { Context } from '../slice'
import { type Threads, threadFold } from './threadFold'

interface Needs {
  readonly data: { readonly threads: Threads } | null
}

export class ThreadsSlice {
  private readonly context: Context<Needs>
  private readonly positions: Positions

  constructor(context: Context<Needs>) {
    this.context = context
    this.positions = new Positions({
      signal: context.signal,
      known: rootId => this.state(rootId)?.read_no,
      send: (rootId, no) => this.sendRead(rootId, no),
    })
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

  /** The `thread_no` up to which the user has read a thread that they follow, else 0. */
  readTo(rootId: string): number {
    return this.positions.get(rootId)
  }

  /** Moves the read position of a thread that the user follows forward, never back. */
  markRead(rootId: string, no: number): void {
    this.positions.move(rootId, no)
  }

  private state(rootId: string) {
    return this.context.view.get().data?.threads.get(rootId)
  }

  private async sendRead(rootId: string, no: number): Promise<void> {
    const { api, fold } = this.context
    const chatId = this.state(rootId)?.chat_id
    if (!chatId) return
    const params = { path: { id: chatId, message_id: rootId } }
    const body = { thread_no: no }
    const thread = await unwrap(api.POST('/api/chat/{id}/messages/{message_id}/thread/read', { params, body }))
    // The stream brings the same event later; applying it twice changes nothing. Null: the user follows it
    // no more, and an event says so.
    if (thread) fold({ type: 'thread.updated', at: '', chat_id: chatId, thread })
  }
}

export const threads = {
  fold: threadFold,
  open: (context: Context<Needs>) => new ThreadsSlice(context),
}
