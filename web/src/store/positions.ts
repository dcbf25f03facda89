// Read positions on their way to the server: the newest of each place, at most every SEND_INTERVAL_MS,
// with retries.
//
// The invariant: a position never moves back.
import { ApiError } from '../api/client'
import { backoff, pause } from './retry'
import { SignedOut } from './session'

const SEND_INTERVAL_MS = 250

interface Options {
  signal: AbortSignal
  /** The position that the state has; undefined where the user has none. */
  known: (place: string) => number | undefined
  /** Sends a position, and puts the answer into the state. */
  send: (place: string, position: number) => Promise<void>
}

export class Positions {
  private readonly options: Options
  /** Those that the server may not know yet. */
  private readonly unsent = new Map<string, number>()
  private readonly sending = new Set<string>()

  constructor(options: Options) {
    this.options = options
  }

  get(place: string): number {
    return Math.max(this.options.known(place) ?? 0, this.unsent.get(place) ?? 0)
  }

  /** Moves a position forward. Sending it is retried until it succeeds. */
  move(place: string, position: number): void {
    if (position <= this.get(place) || this.options.known(place) === undefined) return
    this.unsent.set(place, position)
    if (!this.sending.has(place)) void this.sendAll(place)
  }

  private async sendAll(place: string): Promise<void> {
    const { signal, known, send } = this.options
    this.sending.add(place)
    for (let failures = 0; ; ) {
      await pause(failures === 0 ? SEND_INTERVAL_MS : backoff(failures, 1000, Math.random), signal)
      const [now, position] = [known(place), this.unsent.get(place)]
      if (signal.aborted || now === undefined || position === undefined || position <= now) break
      try {
        await send(place, position)
        if (this.unsent.get(place) === position) this.unsent.delete(place)
        failures = 0
      } catch (error) {
        if (error instanceof SignedOut || (error instanceof ApiError && !error.isTemporary)) break
        failures++
      }
    }
    this.sending.delete(place)
    this.unsent.delete(place)
  }
}
