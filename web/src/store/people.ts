// Loads users by id or by search into the state. Only users whose name was shown or searched for
// are held, never all of a workspace. Ids that are requested at the same time are loaded by one
// request.
import { type Api, unwrap } from '../api/client'
import type { User } from '../api/types'
import { backoff, pause } from './retry'
import type { ViewHolder } from './view'

/** The limit of one request. */
const IDS_PER_REQUEST = 200
/** Ids that are requested within this time are loaded by one request. */
const DEBOUNCE_MS = 20
const FOUND_MAX = 30

export class People {
  private readonly api: Api
  private readonly view: ViewHolder
  private readonly signal: AbortSignal
  private pending = new Set<string>()
  /** Ids that were requested before, those that do not exist included. */
  private readonly requested = new Set<string>()
  private scheduled = false

  constructor(api: Api, view: ViewHolder, signal: AbortSignal) {
    this.api = api
    this.view = view
    this.signal = signal
  }

  add(users: readonly User[]): void {
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
