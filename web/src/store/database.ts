// A database of this browser (IndexedDB) with one table. Requests fail instead of hanging.

/** After so long, a request counts as failed. */
const PATIENCE_MS = 2000

export class Database {
  private readonly table: string
  private readonly opened: Promise<IDBDatabase>

  constructor(name: string, table: string, keyPath: string | string[]) {
    this.table = table
    this.opened = open(name, table, keyPath)
    this.opened.catch(() => undefined)
  }

  async run<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const transaction = (await inTime(this.opened)).transaction(this.table, mode)
    const request = ask(transaction.objectStore(this.table))
    const done = new Promise<T>((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result)
      transaction.onabort = () => reject(transaction.error)
    })
    // At once, and not after an event that a page that is closed never gets.
    if (mode === 'readwrite') transaction.commit?.()
    return inTime(done)
  }

  close(): void {
    this.opened.then(
      database => database.close(),
      () => undefined,
    )
  }
}

function open(name: string, table: string, keyPath: string | string[]): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    // Throws where storage is blocked.
    const request = indexedDB.open(name, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(table, { keyPath })
    request.onerror = () => reject(request.error)
    request.onsuccess = () => {
      const database = request.result
      // A newer version of the client, in another tab, wants to change it.
      database.onversionchange = () => database.close()
      resolve(database)
    }
  })
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the storage does not answer')), PATIENCE_MS)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
