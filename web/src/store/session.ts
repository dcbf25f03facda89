// The signed-in user and the access token. The refresh token is an HttpOnly cookie that is valid
// once, so one tab at a time renews its access token (Web Lock). It sends the token to the tabs of
// the same workspace (tabs.ts): an access token is good for one workspace.
//
// The invariant: after signing out, no tab uses the cookie again, even if the server does not know
// of it yet.
import { ApiError, publicApi, unwrap } from '../api/client'
import type { SignedIn } from '../api/types'
import { exclusive } from './locks'
import { clearCopies, loadCopy, type OfflineCopy } from './offline'
import { backoff, pause } from './retry'
import { deviceStorage } from './storage'
import { connectTabs, type Tabs } from './tabs'

/** The workspace that was used last: for a tab whose address names none. */
const WORKSPACE_KEY = 'parlor.workspace'
const RENEWED_KEY = 'parlor.renewed_at'
/** Set from signing out until the server has confirmed it. */
const SIGNING_OUT_KEY = 'parlor.leaving'
/** A token is renewed this long before it expires. */
const MARGIN_MS = 30_000
/** A token that was renewed this recently may still be held by another tab. */
const RECENT_MS = 15 * 60_000
/** So long a tab waits for a token from another one. */
const ANSWER_MS = 60

interface HeldToken {
  info: SignedIn
  endsAt: number
}

/** What tabs send to each other. `ask` asks for a valid token of a workspace; of any, if null. */
type SessionMessage =
  | { kind: 'renewed'; held: HeldToken }
  | { kind: 'ask'; workspace: string | null }
  | { kind: 'out'; why: Ending }
/** `left`: the user signed out. `ended`: the server ended the session. */
export type Ending = 'left' | 'ended'

export class SignedOut extends Error {}

export class Session {
  private held: HeldToken | null = null
  /** What is shown until the server answers; null if it has. */
  restored: OfflineCopy | null = null
  /** The workspace of this tab; null until one is named or chosen. */
  private workspace: string | null
  private endedBy: Ending | null = null
  private readonly tabs: Tabs<SessionMessage>
  private waitingForAnswer: (() => void)[] = []
  private readonly listeners = new Set<() => void>()
  private renewing: Promise<string> | null = null

  constructor(workspace: string | null) {
    this.workspace = workspace
    this.tabs = connectTabs<SessionMessage>('parlor-session', data => {
      if (data.kind === 'renewed') this.receive(data.held)
      else if (data.kind === 'ask') {
        const held = this.usable()
        if (held && isFor(held, data.workspace)) this.broadcast({ kind: 'renewed', held })
      } else {
        this.clear(data.why)
        void this.finishSignOut()
      }
    })
  }

  get info(): SignedIn | null {
    return this.held?.info ?? null
  }

  /** How the last session ended; null if there was none since the page was loaded. */
  get ending(): Ending | null {
    return this.endedBy
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /**
   * Resumes the session of the cookie, if there is one. Throws when the server cannot be reached.
   */
  async resume(): Promise<SignedIn | null> {
    void this.finishSignOut()
    try {
      await this.renew()
      return this.info
    } catch (error) {
      if (error instanceof SignedOut) return null
      throw error
    }
  }

  /**
   * While the server cannot be reached: goes on with what this browser has kept. Resolves with
   * whether there is something.
   */
  async resumeOffline(): Promise<boolean> {
    const copy = await loadCopy(this.workspace ?? deviceStorage.get(WORKSPACE_KEY))
    if (this.held) return true
    if (!copy || isSigningOut()) return false
    this.restored = copy
    // No token: each request asks for one.
    this.held = { info: copy.info, endsAt: 0 }
    this.notify()
    return true
  }

  /** Begins the session, in the workspace of the address if the account is in it. */
  async signedIn(info: SignedIn): Promise<void> {
    void clearCopies()
    // The new cookie has replaced the one that was to be signed out.
    deviceStorage.remove(SIGNING_OUT_KEY)
    const isElsewhere = this.workspace !== null && this.workspace !== info.workspace.id
    if (isElsewhere && info.workspaces.some(({ id }) => id === this.workspace)) await this.renew()
    else this.adoptAndBroadcast(info)
  }

  private adoptAndBroadcast(info: SignedIn): void {
    const held = heldToken(info)
    this.adopt(held)
    this.broadcast({ kind: 'renewed', held })
  }

  /** Another tab has a new token. */
  private receive(held: HeldToken): void {
    if (isFor(held, this.workspace)) this.adopt(held)
    // It is of another workspace, but the user is signed in again.
    else if (!this.held) void this.renew().catch(() => undefined)
  }

  /** Signs out at once, even without a connection; the request to the server is retried. */
  signOut(): void {
    deviceStorage.set(SIGNING_OUT_KEY, 'yes')
    this.end('left')
    void this.finishSignOut()
  }

  /** Ends the session in all tabs. */
  end(why: Ending): void {
    this.broadcast({ kind: 'out', why })
    this.clear(why)
  }

  private async finishSignOut(): Promise<void> {
    for (let failures = 1; isSigningOut(); failures++) {
      if (await this.trySignOut()) return
      await pause(backoff(failures, 1000, Math.random))
    }
  }

  /** One try to sign out at the server. Resolves with whether it is done. */
  trySignOut(): Promise<boolean> {
    return exclusive('parlor-renew', async () => {
      if (!isSigningOut()) return true
      const result = await publicApi.POST('/api/logout', { body: {} }).catch(() => null)
      if (!result || result.response.status >= 500 || result.response.status === 429) return false
      deviceStorage.remove(SIGNING_OUT_KEY)
      return true
    })
  }

  /** See `TokenSource`. */
  async token(stale?: string): Promise<string> {
    return this.usable(stale)?.info.access_token ?? this.renew(stale)
  }

  private usable(stale?: string): HeldToken | null {
    const { held } = this
    return held && held.info.access_token !== stale && held.endsAt - Date.now() > MARGIN_MS ? held : null
  }

  private renew(stale?: string): Promise<string> {
    if (this.renewing) return this.renewing
    this.renewing = exclusive('parlor-renew', () => this.renewLocked(stale)).finally(() => {
      this.renewing = null
    })
    return this.renewing
  }

  private async renewLocked(stale?: string): Promise<string> {
    const isRecent = Date.now() - Number(deviceStorage.get(RENEWED_KEY) ?? 0) < RECENT_MS
    if (!this.usable(stale) && isRecent) await this.askOtherTabs()
    const received = this.usable(stale)
    if (received) return received.info.access_token
    if (isSigningOut()) throw new SignedOut()
    const workspace = this.workspace ?? deviceStorage.get(WORKSPACE_KEY)
    try {
      const info = await unwrap(publicApi.POST('/api/refresh', { body: workspace ? { workspace } : {} }))
      // The user signed out during the request.
      if (isSigningOut()) throw new SignedOut()
      this.adoptAndBroadcast(info)
      return info.access_token
    } catch (error) {
      // This account is not in that workspace (any more), or there is none: the server chooses one.
      const isRefused = error instanceof ApiError && [400, 403, 422].includes(error.status)
      if (isRefused && workspace) {
        this.workspace = null
        deviceStorage.remove(WORKSPACE_KEY)
        return this.renewLocked(stale)
      }
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
        this.end('ended')
        throw new SignedOut()
      }
      throw error
    }
  }

  /** Asks the other tabs for a token, and waits a moment for one. */
  private askOtherTabs(): Promise<void> {
    return new Promise(resolve => {
      this.waitingForAnswer.push(resolve)
      this.broadcast({ kind: 'ask', workspace: this.workspace })
      setTimeout(resolve, ANSWER_MS)
    })
  }

  private adopt(held: HeldToken): void {
    this.endedBy = null
    this.restored = null
    const otherUser = this.held && this.held.info.user.id !== held.info.user.id
    this.held = held
    this.workspace = held.info.workspace.id
    deviceStorage.set(WORKSPACE_KEY, held.info.workspace.id)
    deviceStorage.set(RENEWED_KEY, String(Date.now()))
    for (const resolve of this.waitingForAnswer.splice(0)) resolve()
    if (otherUser) location.reload()
    this.notify()
  }

  private clear(why: Ending): void {
    void clearCopies()
    this.restored = null
    if (!this.held) return
    this.held = null
    if (why === 'left') this.workspace = null
    this.endedBy = why
    deviceStorage.remove(WORKSPACE_KEY)
    deviceStorage.remove(RENEWED_KEY)
    this.notify()
  }

  private broadcast(message: SessionMessage): void {
    this.tabs.send(message)
  }

  private notify(): void {
    for (const listener of this.listeners) listener()
  }
}

function isSigningOut(): boolean {
  return deviceStorage.get(SIGNING_OUT_KEY) !== null
}

function isFor({ info }: HeldToken, workspace: string | null): boolean {
  return workspace === null || workspace === info.workspace.id
}

function heldToken(info: SignedIn): HeldToken {
  return { info, endsAt: Date.now() + info.expires_in * 1000 }
}
