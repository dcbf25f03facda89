// One stream of events: reconnects with backoff, resumes from the last cursor, and drops a
// connection that is silent for too long. It applies no events; `onEvent` does.
import type { ConnectedFrame, EphemeralEvent, Event } from '../api/types'
import { backoff, pause } from './retry'
import { SseParser } from './sse'

/** The timeout of a silent connection: two and a half heartbeats, which come every 25 s. */
export const WATCHDOG_MS = 62_500

export type StreamStatus = 'connecting' | 'open'

export interface StreamOptions {
  url: () => string
  /** A token for the stream; `stale` is one that the server refused. Throws if there is none. */
  token: (stale?: string) => Promise<string>
  cursor: () => string
  onEvent: (event: Event, id: string) => void
  /** A frame without an id: it is in no log and moves no cursor. */
  onEphemeral: (event: EphemeralEvent) => void
  /** The cursor moved without an event. */
  onCursor: (id: string) => void
  onStatus: (status: StreamStatus) => void
  /** The stream is open; the server calls it by this name until it ends. */
  onConnected: (streamId: string) => void
  signal: AbortSignal
  fetch?: typeof fetch
  watchdogMs?: number
  random?: () => number
}

/** `reset`: a new snapshot is needed. `gone`: the session is over. `aborted`: by `signal`. */
export type StreamEnd = 'reset' | 'gone' | 'aborted'

export async function follow(options: StreamOptions): Promise<StreamEnd> {
  const { signal } = options
  const random = options.random ?? Math.random
  let failures = 0
  let retryMs = 1000
  while (!signal.aborted) {
    options.onStatus('connecting')
    const end = await connect(options, milliseconds => {
      retryMs = milliseconds
    })
    if (signal.aborted) break
    if (end === 'reset' || end === 'gone') return end
    // An open stream ends now and then by design; that is no failure.
    failures = end === 'closed' ? 0 : failures + 1
    const wait = failures === 0 ? Math.min(retryMs, 5000) * (0.5 + 0.5 * random()) : backoff(failures, retryMs, random)
    await pause(wait, signal)
  }
  return 'aborted'
}

async function connect(
  options: StreamOptions,
  onRetry: (milliseconds: number) => void,
): Promise<'reset' | 'gone' | 'closed' | 'failed'> {
  const connection = new AbortController()
  const stop = () => connection.abort()
  options.signal.addEventListener('abort', stop, { once: true })
  let watchdog: ReturnType<typeof setTimeout> | undefined
  const alive = () => {
    clearTimeout(watchdog)
    watchdog = setTimeout(stop, options.watchdogMs ?? WATCHDOG_MS)
  }
  let opened = false
  try {
    alive()
    const token = await options.token()
    const response = await (options.fetch ?? fetch)(options.url(), {
      headers: { accept: 'text/event-stream', authorization: `Bearer ${token}`, 'last-event-id': options.cursor() },
      signal: connection.signal,
      cache: 'no-store',
      credentials: 'omit',
    })
    if (response.status === 204) return 'gone'
    if (response.status === 401) {
      await options.token(token)
      return 'failed'
    }
    if (response.status !== 200 || !response.body) return 'failed'
    let reset = false
    const parser = new SseParser(frame => {
      if (frame.event === 'reset') reset = true
      if (reset) return
      if (frame.event === 'connected') {
        opened = true
        options.onStatus('open')
        options.onConnected((JSON.parse(frame.data) as ConnectedFrame).stream_id)
      }
      if (frame.event === 'connected' || frame.event === 'heartbeat') {
        if (frame.id) options.onCursor(frame.id)
      } else if (frame.id) {
        options.onEvent(JSON.parse(frame.data) as Event, frame.id)
      } else {
        options.onEphemeral(JSON.parse(frame.data) as EphemeralEvent)
      }
    }, onRetry)
    const decoder = new TextDecoder()
    const reader = response.body.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      alive()
      parser.push(decoder.decode(value, { stream: true }))
      if (reset) {
        connection.abort()
        return 'reset'
      }
    }
  } catch {
    // Refused, cut off or silent: `follow` retries.
  } finally {
    clearTimeout(watchdog)
    options.signal.removeEventListener('abort', stop)
  }
  return opened ? 'closed' : 'failed'
}
