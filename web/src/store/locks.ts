// What only one tab may do at a time. A page that is not served securely (plain HTTP on another machine) has no Web Locks: there a
// tab keeps order with itself alone. That costs a stream a tab, and the server forgives a refresh token that two of them use at once.

const queues = new Map<string, Promise<unknown>>()

/** Runs `work` when it is its turn. Fails when `signal` says so before. */
export function exclusive<T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  if ('locks' in navigator) return navigator.locks.request(name, signal ? { signal } : {}, work) as Promise<T>
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
