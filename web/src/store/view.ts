// What the UI renders, and the subscriptions to it. Its objects are never changed, only replaced.
import type { State } from './fold'
import type { SliceViews } from './slices'
import type { StreamStatus } from './stream'

/** The state, the connection, and what each slice adds. */
export type View = SliceViews & {
  /** Null until the first snapshot. */
  readonly data: State | null
  readonly stream: StreamStatus
  /** The last attempt to load a snapshot failed. */
  readonly unreachable: boolean
}

export class ViewHolder<V extends object = View> {
  private view: V
  private readonly listeners = new Set<() => void>()
  private notifying = false

  constructor(view: V) {
    this.view = view
  }

  get = (): V => this.view

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Listeners are called once for all changes of the current task. */
  set(change: Partial<V>): void {
    this.view = { ...this.view, ...change }
    if (this.notifying) return
    this.notifying = true
    queueMicrotask(() => {
      this.notifying = false
      for (const listener of this.listeners) listener()
    })
  }
}
