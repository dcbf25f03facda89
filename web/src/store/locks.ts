// Locks shared by all tabs (Web Locks). A page that is not served securely (plain HTTP under a name
// other than localhost) has no Web Locks, nor has one whose storage is blocked; there a lock works
// within one tab only. Then each tab has its own stream, and the server accepts a refresh token that
// two tabs use at once.

const queues = new Map<string, Promise<unknown>>()

/** Runs `work` while holding the lock. Rejects if `signal` aborts before the lock is granted. */
export async function exclusive<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!('locks' in navigator)) return exclusiveInTab(name, work, signal)
  let granted = false
  try {
    return (await navigator.locks.request(name, signal ? { signal } : {}, () => {
      granted = true
      return work()
    })) as T
  } catch (error) {
    const isBlocked = error instanceof DOMException && error.name === 'SecurityError'
    if (granted || !isBlocked) throw error
    return exclusiveInTab(name, work, signal)
  }
}

function exclusiveInTab<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  const turn = (queues.get(name) ?? Promise.resolve()).then(() => {
    signal?.throwIfAborted()
    return work()
  })
  const settled = turn.catch(() => undefined)
  queues.set(name, settled)
  void settled.then(() => {
    if (queues.get(name) === settled) queues.delete(name)
  })
  return turn
}
