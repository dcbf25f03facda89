// What this browser keeps for the client (localStorage): settings, drafts, and what tabs tell each
// other. Storage may be full, blocked or absent. Then values are kept in memory, until the page is
// closed.
//
// The invariant: no method throws, so a failure of the storage stops nothing.

export interface KeyValueStorage {
  keys(): string[]
  get(key: string): string | null
  set(key: string, value: string): void
  remove(key: string): void
}

export class DeviceStorage implements KeyValueStorage {
  private readonly storage: () => Storage
  private readonly onFailure: () => void
  /** What could not be stored; null for what could not be removed. */
  private readonly memory = new Map<string, string | null>()

  /** `storage` may throw: a browser that blocks it throws as soon as it is named. */
  constructor(storage: () => Storage, onFailure: () => void) {
    this.storage = storage
    this.onFailure = onFailure
  }

  keys(): string[] {
    const keys = new Set(this.tried(() => Object.keys(this.storage()), []))
    for (const [key, value] of this.memory) {
      if (value === null) keys.delete(key)
      else keys.add(key)
    }
    return [...keys]
  }

  get(key: string): string | null {
    const held = this.memory.get(key)
    return held !== undefined ? held : this.tried(() => this.storage().getItem(key), null)
  }

  set(key: string, value: string): void {
    this.change(key, value, () => this.storage().setItem(key, value))
  }

  remove(key: string): void {
    this.change(key, null, () => this.storage().removeItem(key))
  }

  /** Another tab has stored a newer value. */
  forget(key: string): void {
    this.memory.delete(key)
  }

  private change(key: string, value: string | null, store: () => void): void {
    try {
      store()
      this.memory.delete(key)
    } catch {
      this.memory.set(key, value)
      if (value !== null) this.onFailure()
    }
  }

  private tried<T>(read: () => T, otherwise: T): T {
    try {
      return read()
    } catch {
      return otherwise
    }
  }
}

const listeners = new Set<() => void>()
let failed: 'no' | 'untold' | 'told' = 'no'

/** Something that the user wrote is in memory only. Told once. */
export const storageFailure = {
  report(): void {
    if (failed === 'no') storageFailure.set('untold')
  },
  isUntold: () => failed === 'untold',
  dismiss: () => storageFailure.set('told'),
  set(next: typeof failed): void {
    failed = next
    for (const listener of listeners) listener()
  },
  subscribe(listener: () => void): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
  },
}

export const deviceStorage = new DeviceStorage(() => localStorage, storageFailure.report)
