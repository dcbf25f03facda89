// People by id: those that were looked up, searched for or heard of, never all of a workspace. Ids
// that are requested at the same time are loaded by one request.
import { type Api, unwrap } from '../../api/client'
import type { User } from '../../api/types'
import { backoff, pause } from '../retry'
import type { Context, Fold, ViewOf } from '../slice'
import { changedUser } from './user'

type UsersById = ReadonlyMap<string, User>
interface Needs {
  readonly data: { readonly users: UsersById } | null
}

const fold: Fold<UsersById> = {
  fromSnapshot: ({ user }, before) => new Map(before).set(user.id, user),
  apply: (users, event) => {
    const user = changedUser(event)
    return user ? new Map(users).set(user.id, user) : users
  },
}

/** The limit of one request. */
const IDS_PER_REQUEST = 200
/** Ids that are requested within this time are loaded by one request. */
const DEBOUNCE_MS = 20
const FOUND_MAX = 30

export class Users {
  private readonly api: Api
  private readonly view: ViewOf<Needs>
  private readonly signal: AbortSignal
  private pending = new Set<string>()
  /** Ids that were requested before, those that do not exist included. */
  private readonly requested = new Set<string>()
  private scheduled = false

  constructor({ api, view, signal }: Context<Needs>) {
    this.api = api
    this.view = view
    this.signal = signal
  }

  private add(users: readonly User[]): void {
    const { data } = this.view.get()
    if (!data || users.length === 0) return
    const all = new Map(data.users)
    for (const user of users) all.set(user.id, user)
    this.view.set({ data: { ...data, users: all } })
  }

  /** Loads the user soon, unless they are known or requested already. */
  request(id: string): void {
    if (this.requested.has(id) || this.view.get().data?.users.has(id)) return
    this.requested.add(id)
    this.pending.add(id)
    if (this.scheduled) return
    this.scheduled = true
    setTimeout(() => {
      this.scheduled = false
      const all = [...this.pending]
      this.pending = new Set()
      for (let from = 0; from < all.length; from += IDS_PER_REQUEST) {
        void this.load(all.slice(from, from + IDS_PER_REQUEST))
      }
    }, DEBOUNCE_MS)
  }

  private async load(ids: string[]): Promise<void> {
    for (let failures = 1; !this.signal.aborted; failures++) {
      try {
        const query = { ids, limit: IDS_PER_REQUEST }
        const page = await unwrap(this.api.GET('/api/users', { params: { query } }))
        this.add(page.items)
        return
      } catch {
        await pause(backoff(failures, 1000, Math.random), this.signal)
      }
    }
  }

  /** The user, loaded at once if need be; undefined if there is none. */
  async find(id: string): Promise<User | undefined> {
    const known = () => this.view.get().data?.users.get(id)
    if (!known()) {
      const { items } = await unwrap(this.api.GET('/api/users', { params: { query: { ids: [id] } } }))
      this.add(items)
    }
    return known()
  }

  /**
   * Adds the users that the server finds by name or e-mail to the state; without a text, the first
   * ones.
   */
  async search(text: string): Promise<void> {
    const query = text === '' ? { limit: FOUND_MAX } : { query: text, limit: FOUND_MAX }
    this.add((await unwrap(this.api.GET('/api/users', { params: { query } }))).items)
  }
}

export const users = { fold, open: (context: Context<Needs>) => new Users(context) }
