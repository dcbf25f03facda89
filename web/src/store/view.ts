// The state that the UI renders, and the subscriptions to it. Its objects are never changed, only
// replaced.
import type { Message } from '../api/types'
import type { State } from './fold'
import type { Outgoing } from './outbox'
import type { StreamStatus } from './stream'
import type { MessageWindow } from './windows'

export interface View {
  readonly data: State | null
  /** Whether further pages of chats are still to be loaded. */
  readonly partial: boolean
  readonly windows: ReadonlyMap<string, MessageWindow>
  readonly outgoing: readonly Outgoing[]
  readonly stream: StreamStatus
  /** The last attempt to load a snapshot failed. */
  readonly unreachable: boolean
  /** Messages that are replied to and are in no window, by id; null if they cannot be loaded. */
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

  /** Listeners are called once for all changes of the current task. */
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
