// Who types in which chat, and saying that the user does. Nothing here is kept: it is true only now.
import type { EphemeralEvent, Event } from '../../api/types'
import type { Context, Live } from '../slice'

/** The users that type, by chat, the one that began first at the front. */
export type Typing = ReadonlyMap<string, readonly string[]>
interface Needs {
  readonly typing: Typing
  readonly data: {
    readonly chats: ReadonlyMap<string, { readonly chat: { readonly member_count: number } }>
  } | null
}

/** The server shows it for six seconds after it was said. */
const SAY_AGAIN_MS = 4000
/** The server tells nobody in larger chats. */
const MEMBERS_MAX = 200

export class TypingSlice implements Live {
  private readonly context: Context<Needs>
  /** When each entry ends, by chat and user. */
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>()
  /** When it was said last, by chat. */
  private readonly saidAt = new Map<string, number>()

  constructor(context: Context<Needs>) {
    this.context = context
  }

  /** The user has changed the text of a new message. */
  wrote(chatId: string): void {
    const count = this.context.view.get().data?.chats.get(chatId)?.chat.member_count ?? 0
    const now = Date.now()
    if (count < 2 || count > MEMBERS_MAX || now - (this.saidAt.get(chatId) ?? 0) < SAY_AGAIN_MS) return
    this.saidAt.set(chatId, now)
    this.say('POST', chatId)
  }

  /** The user has sent the message: the others learn it from the message. */
  sent(chatId: string): void {
    this.saidAt.delete(chatId)
  }

  /** The user has stopped without sending. */
  stopped(chatId: string): void {
    if (Date.now() - (this.saidAt.get(chatId) ?? 0) < SAY_AGAIN_MS) this.say('DELETE', chatId)
    this.saidAt.delete(chatId)
  }

  /** Not retried: it would be said too late. */
  private say(method: 'POST' | 'DELETE', id: string): void {
    const { api } = this.context
    const params = { path: { id } }
    const request =
      method === 'POST'
        ? api.POST('/api/chat/{id}/typing', { params })
        : api.DELETE('/api/chat/{id}/typing', { params })
    request.catch(() => undefined)
  }

  onEphemeral(event: EphemeralEvent): void {
    if (event.type !== 'typing' || event.user_id === this.context.me) return
    const { chat_id, user_id } = event
    this.end(chat_id, user_id, event.is_typing)
    if (!event.is_typing) return
    const end = () => this.end(chat_id, user_id, false)
    this.timers.set(`${chat_id} ${user_id}`, setTimeout(end, event.seconds * 1000))
    const users = this.users(chat_id)
    if (!users.includes(user_id)) this.show(chat_id, [...users, user_id])
  }

  onEvent(event: Event): void {
    if (event.type === 'message.new') this.end(event.chat_id, event.message.sender_id, false)
  }

  close(): void {
    for (const timer of this.timers.values()) clearTimeout(timer)
  }

  private users(chatId: string): readonly string[] {
    return this.context.view.get().typing.get(chatId) ?? []
  }

  private end(chatId: string, userId: string, goesOn: boolean): void {
    const key = `${chatId} ${userId}`
    clearTimeout(this.timers.get(key))
    this.timers.delete(key)
    const users = this.users(chatId)
    if (!goesOn && users.includes(userId))
      this.show(
        chatId,
        users.filter(id => id !== userId),
      )
  }

  private show(chatId: string, users: readonly string[]): void {
    const typing = new Map(this.context.view.get().typing)
    if (users.length === 0) typing.delete(chatId)
    else typing.set(chatId, users)
    this.context.view.set({ typing })
  }
}

export const typing = {
  view: { typing: new Map() as Typing },
  open: (context: Context<Needs>) => new TypingSlice(context),
}
