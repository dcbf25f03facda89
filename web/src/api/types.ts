// The nouns of the API by short names, and the events of docs/events.md. Everything comes from the generated schema.
import type { components } from './schema'

type Schemas = components['schemas']
export type Chat = Schemas['Chat']
export type ChatKind = Schemas['ChatKind']
export type ChatItem = Schemas['ChatListItem']
export type Member = Schemas['Member']
export type Message = Schemas['Message']
export type MessageList = Schemas['MessageList']
export type Problem = Schemas['Problem']
export type InvalidField = Schemas['InvalidField']
export type SignedIn = Schemas['SignedIn']
export type Snapshot = Schemas['Snapshot']
export type User = Schemas['User']
export type Workspace = Schemas['Workspace']

interface InChat {
  at: string
  chat_id: string
}

/** What the stream says happened. The server may add kinds and fields: those are passed over. */
export type Event =
  | (InChat & { type: 'message.new' | 'message.edited' | 'message.deleted'; message: Message })
  | (InChat & { type: 'chat.created'; chat: Chat; members: Member[] })
  | (InChat & { type: 'chat.updated'; chat: Chat })
  | (InChat & { type: 'chat.deleted' })
  | (InChat & { type: 'chat.read'; read: { seq: number; unread_count: number } })
  | (InChat & { type: 'member.joined'; chat: Chat; member: Member; last_message?: Message | null })
  | (InChat & { type: 'member.left' | 'member.updated'; chat: Chat; member: Member })
  | { at: string; type: 'user.joined' | 'user.updated' | 'user.deactivated'; user: User }
  | { at: string; type: 'workspace.updated'; workspace: Workspace }
  | { at: string; type: 'session.revoked'; session: { id: string } }
