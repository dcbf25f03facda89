// What was read last, kept in this browser so that it can be read while the server is away: one copy
// for each workspace, without the access token.
//
// The invariants: a copy is shown to the account that made it alone, and none is left after signing
// out.
import type { SignedIn, Snapshot, User } from '../api/types'
import type { ConversationKey } from './conversation'
import { Database } from './database'
import type { MessageWindow } from './slices/windows'

export interface OfflineCopy {
  /** The key. */
  workspace_id: string
  kept_at: number
  info: SignedIn
  snapshot: Snapshot
  users: readonly User[]
  windows: readonly (readonly [ConversationKey, MessageWindow])[]
}

/** Only a service worker opens the page while the server is away. Elsewhere nothing is kept. */
export const keepsCopies = () => 'serviceWorker' in navigator && 'indexedDB' in globalThis

let database: Database | null = null
const copies = () => {
  database ??= new Database('parlor-offline', 'copies', 'workspace_id')
  return database
}

/** The copy of a workspace, or else the newest one. */
export async function loadCopy(workspace: string | null): Promise<OfflineCopy | null> {
  if (!keepsCopies()) return null
  const all = await copies()
    .run<OfflineCopy[]>('readonly', store => store.getAll())
    .catch(() => [])
  all.sort((a, b) => b.kept_at - a.kept_at)
  return all.find(copy => copy.workspace_id === workspace) ?? all[0] ?? null
}

export async function clearCopies(): Promise<void> {
  if (!keepsCopies()) return
  await copies()
    .run('readwrite', store => store.clear())
    .catch(() => undefined)
}

export async function putCopy(copy: OfflineCopy): Promise<void> {
  await copies()
    .run('readwrite', store => store.put(copy))
    .catch(() => undefined)
}
