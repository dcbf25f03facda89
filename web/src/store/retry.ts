// Exponential backoff with jitter, and the pause before a retry.

const BACKOFF_MAX_MS = 30_000

/** The pause before the next try, after `failures` failed ones. `random` gives 0 to 1. */
export function backoff(failures: number, baseMs: number, random: () => number): number {
  return Math.min(BACKOFF_MAX_MS, baseMs * 1.7 ** Math.min(failures - 1, 20)) * (0.5 + 0.5 * random())
}

/** Waits before a retry. Ends early when the network is back (`online`) or `signal` aborts. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const target = typeof window === 'undefined' ? undefined : window
    const done = () => {
      clearTimeout(timer)
      target?.removeEventListener('online', done)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    target?.addEventListener('online', done)
    signal?.addEventListener('abort', done, { once: true })
    if (signal?.aborted) done()
  })
}
