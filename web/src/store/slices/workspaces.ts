// The workspaces of the account, and what is unread in each. The stream brings what happens in this
// one alone, so the server is asked now and then about the others.
import { unwrap } from '../../api/client'
import type { Workspace } from '../../api/types'
import type { Context } from '../slice'

/** `unread`: messages. `mentions`: those of them that are for the user in person. */
export type ListedWorkspace = Workspace & { readonly unread?: number; readonly mentions?: number }

interface Needs {
  /** Empty until the server has answered. */
  readonly workspaces: readonly ListedWorkspace[]
}

const ASK_MS = 60_000
/** Not again so soon, though the page gets the focus. */
const RECENT_MS = 5_000

export class Workspaces {
  private readonly context: Context<Needs>
  private asked = Number.NEGATIVE_INFINITY

  constructor(context: Context<Needs>) {
    this.context = context
    const { signal } = context
    const timer = setInterval(() => this.ask(), ASK_MS)
    addEventListener('focus', () => this.ask(), { signal })
    signal.addEventListener('abort', () => clearInterval(timer), { once: true })
  }

  /** After the first snapshot, which is more urgent. */
  onSnapshot(): void {
    this.ask()
  }

  private ask(): void {
    if (document.visibilityState === 'hidden' || Date.now() - this.asked < RECENT_MS) return
    this.asked = Date.now()
    void this.load().catch(() => undefined)
  }

  private async load(): Promise<void> {
    const { items } = await unwrap(this.context.api.GET('/api/workspaces'))
    if (!this.context.signal.aborted) this.context.view.set({ workspaces: items })
  }
}

export const workspaces = {
  view: { workspaces: [] as readonly ListedWorkspace[] },
  open: (context: Context<Needs>) => new Workspaces(context),
}
