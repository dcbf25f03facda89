// The part of the browser's localStorage that drafts and the outbox use, so that tests can use a
// map.

export interface KeyValueStorage {
  keys(): string[]
  get(key: string): string | null
  set(key: string, value: string): void
  remove(key: string): void
}

export function keyValueStorage(storage: Storage): KeyValueStorage {
  return {
    keys: () => Object.keys(storage),
    get: key => storage.getItem(key),
    set: (key, value) => storage.setItem(key, value),
    remove: key => storage.removeItem(key),
  }
}
