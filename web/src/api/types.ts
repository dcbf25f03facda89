// Short names for the types of the generated schema. Nothing is defined here.
import type { components } from './schema'

type Schemas = components['schemas']
export type Chat = Schemas['Chat']
export type ChatKind = Schemas['ChatKind']
export type ChatAction = Schemas['ChatAction']
export type ChatItem = Schemas['ChatListItem']
export type May = Schemas['May']
export type Member = Schemas['Member']
export type Message = Schemas['Message']
export type MessageList = Schemas['MessageList']
export type ThreadState = Schemas['ThreadState']
export type ChangedThread = Schemas['ChangedThread']
export type FollowedThread = Schemas['FollowedThread']
export type ReadPosition = Schemas['ReadPosition']
export type EmailPreview = Schemas['EmailPreview']
export type Pin = Schemas['Pin']
export type Saved = Schemas['Saved']
export type Problem = Schemas['Problem']
export type InvalidField = Schemas['InvalidField']
export type SignedIn = Schemas['SignedIn']
export type Snapshot = Schemas['Snapshot']
export type User = Schemas['User']
export type Workspace = Schemas['Workspace']

/** An event of the stream. A newer server may send further types and fields; they are ignored. */
export type Event = Schemas['Event']
export type ConnectedFrame = Schemas['ConnectedFrame']
/** What is true only now: in no log, may be lost. */
export type EphemeralEvent = Schemas['EphemeralEvent']
