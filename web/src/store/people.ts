// The people whose names are on the screen: of 10,000 only those that somebody met, looked up many at once.
import { type Api, unwrap } from '../api/client'
import type { User } from '../api/types'
import { backoff, pause } from './retry'
import type { ViewHolder } from './view'

/** As many as one request may ask for. */
const IDS_PER_REQUEST = 200
/** What is drawn at the same time asks at the same time. */
const GATHER_MS = 20
const FOUND_MAX = 30

export class People {
  private readonly api: Api
  private readonly view: ViewHolder
  private readonly signal: AbortSignal
  private wanted = new Set<string>()
  /** Asked for, or known not to be there. */
  private readonly asked = new Set<string>()
  private gathering = false

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

  /** Somebody's name is on the screen and not known: look them up. */
  want(id: string): void {
    if (this.asked.has(id) || this.view.get().data?.users.has(id)) return
    this.asked.add(id)
    this.wanted.add(id)
    if (this.gathering) return
    this.gathering = true
    setTimeout(() => {
      this.gathering = false
      const all = [...this.wanted]
      this.wanted = new Set()
      for (let from = 0; from < all.length; from += IDS_PER_REQUEST) {
        void this.lookUp(all.slice(from, from + IDS_PER_REQUEST))
      }
    }, GATHER_MS)
  }

  private async lookUp(ids: string[]): Promise<void> {
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

  /** Somebody by id, now. Undefined: not to be had. */
  async find(id: string): Promise<User | undefined> {
    const known = () => this.view.get().data?.users.get(id)
    if (!known()) {
      const { items } = await unwrap(this.api.GET('/api/users', { params: { query: { ids: [id] } } }))
      this.add(items)
    }
    return known()
  }

  /** Those whom the server finds by name or address, into those who are known; nothing asked for gives the first of all. */
  async search(text: string): Promise<void> {
    const query = text === '' ? { limit: FOUND_MAX } : { query: text, limit: FOUND_MAX }
    this.add((await unwrap(this.api.GET('/api/users', { params: { query } }))).items)
  }
}
