// What the window shows, and who wants to know when it changes.
import type { Message } from '../api/types'
import type { State } from './fold'
import type { Outgoing } from './outbox'
import type { StreamStatus } from './stream'
import type { Window } from './windows'

export interface View {
  readonly data: State | null
  /** Whether there are chats of mine that are still to come. */
  readonly partial: boolean
  readonly windows: ReadonlyMap<string, Window>
  readonly outgoing: readonly Outgoing[]
  readonly stream: StreamStatus
  /** The last attempt to load a snapshot failed. */
  readonly unreachable: boolean
  /** Messages that are replied to and are not in any window. */
  readonly quotes: ReadonlyMap<string, Message | null>
}

export class ViewHolder {
  private view: View = {
    data: null,
    partial: true,
    windows: new Map(),
    outgoing: [],
    stream: 'connecting',
    unreachable: false,
    quotes: new Map(),
  }
  private readonly listeners = new Set<() => void>()
  private notifying = false

  get = (): View => this.view

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Those who listen are told once, after everything that happens now. */
  set(change: Partial<View>): void {
    this.view = { ...this.view, ...change }
    if (this.notifying) return
    this.notifying = true
    queueMicrotask(() => {
      this.notifying = false
      for (const listener of this.listeners) listener()
    })
  }
}
