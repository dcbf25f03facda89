// The slices of the store: all parts of what the client knows, one file each. They take snapshots
// and events in this order. slice.ts says what a slice may have:
//
// - `fold`: a part of the state that follows from the snapshot and the events (`view.data.<name>`);
// - `view`: what else it shows (`view.<key>`), at the start;
// - `open`: what it does beside that, with methods for components (`store.<name>`).
import type { Context, Fold } from './slice'
import { chats } from './slices/chats'
import { departures } from './slices/departures'
import { drafts } from './slices/drafts'
import { messages } from './slices/messages'
import { outbox } from './slices/outbox'
import { permissions } from './slices/permissions'
import { pins } from './slices/pins'
import { readPositions } from './slices/readPositions'
import { saved } from './slices/saved'
import { threads } from './slices/threads'
import { typing } from './slices/typing'
import { user } from './slices/user'
import { users } from './slices/users'
import { workspace } from './slices/workspace'
import { workspaces } from './slices/workspaces'

export const SLICES = {
  user,
  workspace,
  chats,
  users,
  permissions,
  outbox,
  drafts,
  messages,
  readPositions,
  threads,
  pins,
  saved,
  typing,
  workspaces,
  departures,
}

type Slices = typeof SLICES
type Names<Has> = { [K in keyof Slices]: Slices[K] extends Has ? K : never }[keyof Slices]
type All<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer Whole) => void
  ? Whole
  : never

/** What the fold gives: the parts of all slices that have a `fold`. */
export type State = {
  readonly [K in Names<{ fold: unknown }>]: Slices[K] extends { fold: Fold<infer Part> } ? Part : never
}
// biome-ignore lint/suspicious/noExplicitAny: each slice names the part of the view that it needs
type Opens = { open: (context: Context<any>) => unknown }
/** The methods of all slices that have an `open`. */
export type LiveSlices = {
  readonly [K in Names<Opens>]: Slices[K] extends { open: (...args: never[]) => infer Opened } ? Opened : never
}
/** What slices show beside the state. */
export type SliceViews = All<{ [K in Names<{ view: object }>]: Slices[K]['view'] }[Names<{ view: object }>]>
