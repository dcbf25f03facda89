// Who is signed in, and the access token. The refresh token is an HttpOnly cookie that is good once, so exactly one tab
// may use it at a time (Web Lock), and the others take what it got (BroadcastChannel).
import { ApiError, publicApi, unwrap } from '../api/client'
import type { SignedIn } from '../api/types'
import { exclusive } from './locks'
import { backoff, pause } from './retry'

const WORKSPACE_KEY = 'parlor.workspace'
const RENEWED_KEY = 'parlor.renewed_at'
/** Somebody signed out here, and the server has not heard of it. */
const LEAVING_KEY = 'parlor.leaving'
/** Renew this long before the end. */
const MARGIN_MS = 30_000

interface Held {
  info: SignedIn
  endsAt: number
}

type Note = { kind: 'renewed'; held: Held } | { kind: 'ask' } | { kind: 'out'; why: Ending } | { kind: 'switched' }
/** By oneself, or because the server wants this session no more. */
export type Ending = 'left' | 'ended'

export class SignedOut extends Error {}

export class Session {
  private held: Held | null = null
  private endedBy: Ending | null = null
  private readonly channel = new BroadcastChannel('parlor-session')
  private waiting: (() => void)[] = []
  private readonly listeners = new Set<() => void>()

  constructor() {
    this.channel.onmessage = ({ data }: MessageEvent<Note>) => {
      if (data.kind === 'renewed') this.take(data.held)
      else if (data.kind === 'ask') {
        if (this.held && this.held.endsAt - Date.now() > MARGIN_MS) this.tell({ kind: 'renewed', held: this.held })
      } else if (data.kind === 'out') {
        this.drop(data.why)
        void this.leave()
      } else location.reload()
    }
  }

  get info(): SignedIn | null {
    return this.held?.info ?? null
  }

  /** How it ended, if somebody was signed in here since the page was loaded. */
  get ending(): Ending | null {
    return this.endedBy
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Takes up the session that the cookie holds, if it holds one. Fails when the server cannot be reached. */
  async resume(): Promise<SignedIn | null> {
    void this.leave()
    try {
      await this.renew()
      return this.info
    } catch (error) {
      if (error instanceof SignedOut) return null
      throw error
    }
  }

  signedIn(info: SignedIn): void {
    // Its cookie has taken the place of the one that was to be given up.
    localStorage.removeItem(LEAVING_KEY)
    this.keep(info)
  }

  private keep(info: SignedIn): void {
    const held = hold(info)
    this.take(held)
    this.tell({ kind: 'renewed', held })
  }

  /** Into another workspace, in every tab. */
  switched(info: SignedIn): void {
    localStorage.setItem(WORKSPACE_KEY, info.workspace.id)
    this.tell({ kind: 'switched' })
    location.assign('/')
  }

  /** At once, even without a connection: until the server knows, the cookie is not used any more. */
  signOut(): void {
    localStorage.setItem(LEAVING_KEY, 'yes')
    this.end('left')
    void this.leave()
  }

  /** Nobody is signed in any more, in no tab. */
  end(why: Ending): void {
    this.tell({ kind: 'out', why })
    this.drop(why)
  }

  private async leave(): Promise<void> {
    for (let failures = 1; isLeaving(); failures++) {
      if (await this.leaveNow()) return
      await pause(backoff(failures, 1000, Math.random))
    }
  }

  /** One try to tell the server that who was here has left; whether there is nothing more to tell. */
  leaveNow(): Promise<boolean> {
    return exclusive('parlor-renew', async () => {
      if (!isLeaving()) return true
      const told = await publicApi.POST('/api/logout', { body: {} }).catch(() => null)
      if (!told || told.response.status >= 500 || told.response.status === 429) return false
      localStorage.removeItem(LEAVING_KEY)
      return true
    })
  }

  async token(stale?: string): Promise<string> {
    const held = this.held
    if (held && held.info.access_token !== stale && held.endsAt - Date.now() > MARGIN_MS) return held.info.access_token
    return this.renew(stale)
  }

  private renewing: Promise<string> | null = null

  private renew(stale?: string): Promise<string> {
    if (this.renewing) return this.renewing
    this.renewing = exclusive('parlor-renew', () => this.renewAlone(stale)).finally(() => {
      this.renewing = null
    })
    return this.renewing
  }

  private async renewAlone(stale?: string): Promise<string> {
    const usable = () =>
      this.held && this.held.info.access_token !== stale && this.held.endsAt - Date.now() > MARGIN_MS ? this.held : null
    if (!usable() && Date.now() - Number(localStorage.getItem(RENEWED_KEY) ?? 0) < 15 * 60_000) await this.ask()
    const shared = usable()
    if (shared) return shared.info.access_token
    if (isLeaving()) throw new SignedOut()
    try {
      const workspace = localStorage.getItem(WORKSPACE_KEY)
      const info = await unwrap(publicApi.POST('/api/refresh', { body: workspace ? { workspace } : {} }))
      // Left while it was asked for.
      if (isLeaving()) throw new SignedOut()
      this.keep(info)
      return info.access_token
    } catch (error) {
      // The workspace of last time is not open to this account (any more): into the one that is.
      if (error instanceof ApiError && error.status === 403 && localStorage.getItem(WORKSPACE_KEY)) {
        localStorage.removeItem(WORKSPACE_KEY)
        return this.renewAlone(stale)
      }
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        this.end('ended')
        throw new SignedOut()
      }
      throw error
    }
  }

  /** Another tab may have a token already; it has a moment to say so. */
  private ask(): Promise<void> {
    return new Promise(resolve => {
      this.waiting.push(resolve)
      this.tell({ kind: 'ask' })
      setTimeout(resolve, 60)
    })
  }

  private take(held: Held): void {
    this.endedBy = null
    const other = this.held && this.held.info.user.id !== held.info.user.id
    this.held = held
    localStorage.setItem(WORKSPACE_KEY, held.info.workspace.id)
    localStorage.setItem(RENEWED_KEY, String(Date.now()))
    for (const resolve of this.waiting.splice(0)) resolve()
    if (other) location.reload()
    this.changed()
  }

  private drop(why: Ending): void {
    if (!this.held) return
    this.held = null
    this.endedBy = why
    localStorage.removeItem(WORKSPACE_KEY)
    localStorage.removeItem(RENEWED_KEY)
    this.changed()
  }

  private tell(note: Note): void {
    this.channel.postMessage(note)
  }

  private changed(): void {
    for (const listener of this.listeners) listener()
  }
}

function isLeaving(): boolean {
  return localStorage.getItem(LEAVING_KEY) !== null
}

function hold(info: SignedIn): Held {
  return { info, endsAt: Date.now() + info.expires_in * 1000 }
}
