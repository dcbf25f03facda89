// Where unsent messages are kept over a reload: IndexedDB, the same for all tabs. What it does not
// take stays with the outbox, in memory.
//
// The invariant: no method rejects or hangs, so that a failure of the storage never stops sending.
import type { Refusal } from '../api/client'
import type { Message } from '../api/types'
import { Database } from './database'
import { deviceStorage, type KeyValueStorage, storageFailure } from './storage'
import { connectTabs } from './tabs'

export interface Outgoing {
  client_id: string
  chat_id: string
  /** The thread that it belongs to; null for the chat itself. */
  root_id: string | null
  body: string
  reply_to: string | null
  /** Of a reply in a thread: whether it is to stand in the main line of the chat as well. */
  also_in_chat?: boolean
  /** The time of writing, which is also the order within the conversation. */
  written_at: number
  /** Why the server refused it for good. The user may edit, retry or discard it. */
  refused?: Refusal | undefined
  /** The stored message, which the stream has not brought yet. Only in memory. */
  sent?: Message | undefined
}

export interface OutboxStorage {
  /** All entries; null if they cannot be read. */
  all(): Promise<Outgoing[] | null>
  /** Whether the entry is there; null if that cannot be told. */
  has(client_id: string): Promise<boolean | null>
  /** Resolves with whether it was stored. */
  put(entry: Outgoing): Promise<boolean>
  remove(client_id: string): Promise<void>
  close(): void
}

interface Options {
  /** The id of the user: unsent messages of another one are left alone. */
  me: string
  /** Another tab has changed something. */
  onChange: () => void
}

export function openOutboxStorage({ me, onChange }: Options): OutboxStorage {
  const tabs = connectTabs<null>(`parlor-outbox-${me}`, onChange)
  const database = new Database('parlor', 'outbox', ['me', 'client_id'])
  const all = async () => {
    const rows = await database.run('readonly', store => store.getAll(IDBKeyRange.bound([me], [me, []])))
    return rows.flatMap(row => entryOf(row) ?? [])
  }
  const put = async (entry: Outgoing) => {
    try {
      await database.run('readwrite', store => store.put({ ...entry, me }))
      tabs.send(null)
      return true
    } catch {
      storageFailure.report()
      return false
    }
  }
  const prefix = `parlor.out.${me}.`
  const left = takeOver(deviceStorage, prefix, put)
  return {
    all: async () => {
      const entries = await left
      const rows = await all().catch(() => null)
      return rows || entries.length > 0 ? [...entries, ...(rows ?? [])] : null
    },
    has: async client_id => {
      if ((await left).some(entry => entry.client_id === client_id)) return true
      return database.run('readonly', store => store.getKey([me, client_id])).then(Boolean, () => null)
    },
    put,
    remove: async client_id => {
      deviceStorage.remove(prefix + client_id)
      const entries = await left
      const at = entries.findIndex(entry => entry.client_id === client_id)
      if (at >= 0) entries.splice(at, 1)
      await database.run('readwrite', store => store.delete([me, client_id])).catch(() => undefined)
      tabs.send(null)
    },
    close: () => {
      tabs.close()
      database.close()
    },
  }
}

/** Moves the entries that earlier versions kept in localStorage. Resolves with those that it cannot move. */
export async function takeOver(
  storage: KeyValueStorage,
  prefix: string,
  put: (entry: Outgoing) => Promise<boolean>,
): Promise<Outgoing[]> {
  const left: Outgoing[] = []
  for (const key of storage.keys().filter(key => key.startsWith(prefix))) {
    const entry = parsed(storage.get(key))
    if (!entry || (await put(entry))) storage.remove(key)
    else left.push(entry)
  }
  return left
}

function parsed(text: string | null): Outgoing | null {
  try {
    return entryOf(JSON.parse(text ?? 'null'))
  } catch {
    return null
  }
}

/** Entries that were stored before there were threads have no `root_id`. */
function entryOf(value: unknown): Outgoing | null {
  const entry = value as Outgoing | null
  if (typeof entry?.client_id !== 'string' || typeof entry.body !== 'string') return null
  const { client_id, chat_id, body, reply_to, written_at, refused } = entry
  return { client_id, chat_id, root_id: entry.root_id ?? null, body, reply_to, written_at, ...(refused && { refused }) }
}
