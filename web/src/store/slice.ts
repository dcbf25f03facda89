// What a slice of the store is: one part of what the client knows, in one file of `slices/`.
// `slices.ts` lists them.
import type { Api } from '../api/client'
import type { ChatItem, EphemeralEvent, Event, Message, Snapshot } from '../api/types'
import type { Early } from './early'

/** How a part of the state follows from the snapshot and the events. Pure. */
export interface Fold<Part> {
  /** `before` is what was known until then. */
  fromSnapshot(snapshot: Snapshot, before: Part | undefined): Part
  /**
   * Must return the same object if the event changes nothing, and change nothing for good if the
   * part contains the event already. `me` is the id of the user.
   */
  apply(part: Part, event: Event, me: string): Part
}

/** What a request of another slice has brought beside the stream. */
export interface Loaded {
  messages?: readonly Message[]
  chats?: readonly ChatItem[]
}

/**
 * What a slice does beside folding: requests, storage, and methods for components. Each of these is
 * called in the order of the table.
 */
export interface Live {
  /** A snapshot was folded. `first`: the one that the store begins with. */
  onSnapshot?(snapshot: Snapshot, first: boolean): void
  /** An event was folded. */
  onEvent?(event: Event): void
  onEphemeral?(event: EphemeralEvent): void
  onLoaded?(loaded: Loaded): void
  /** Another tab has changed a key of the storage. */
  onStorage?(key: string): void
  close?(): void
}

/** A part of the view as a slice sees it. */
export interface ViewOf<V> {
  get(): V
  set(change: Partial<V>): void
}

/** What a slice gets from the store. `V` is the part of the view that it names. */
export interface Context<V> {
  readonly api: Api
  /** The id of the user. */
  readonly me: string
  readonly view: ViewOf<V>
  /** Aborts when the store is closed. */
  readonly signal: AbortSignal
  /** Applies an event that a response implies, before the stream brings it. */
  fold(event: Event): void
  /** What was asked for before the store was opened; null once it was taken. */
  early?: Early | null
  /** Tells every slice what a request has brought. */
  loaded(what: Loaded): void
}
