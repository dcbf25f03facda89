import { describe, expect, it } from 'vitest'
import type { Event } from '../api/types'
import { backoff } from './retry'
import { type Frame, SseParser } from './sse'
import { follow, type StreamOptions } from './stream'

function parse(pieces: string[]) {
  const frames: Frame[] = []
  const retries: number[] = []
  const parser = new SseParser(
    frame => frames.push(frame),
    ms => retries.push(ms),
  )
  for (const piece of pieces) parser.push(piece)
  return { frames, retries }
}

describe('the parser', () => {
  const text =
    '\uFEFFretry: 2731\r\nid: 1\r\nevent: connected\r\ndata: {"a":1}\r\n\r\n: a comment\n\ndata:two\ndata: lines\n\nevent: empty\n\nid: 3\rdata: cr\r\rdata: not finished'

  it('reads every kind of line end and field', () => {
    const { frames, retries } = parse([text])
    expect(retries).toEqual([2731])
    expect(frames).toEqual([
      { event: 'connected', data: '{"a":1}', id: '1' },
      { event: 'message', data: 'two\nlines', id: null },
      { event: 'message', data: 'cr', id: '3' },
    ])
  })

  it('gives the same frames wherever the text is cut', () => {
    const whole = parse([text])
    for (let size = 1; size < 20; size++) {
      const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) as string[]
      expect(parse(pieces), `pieces of ${size}`).toEqual(whole)
    }
  })
})

/**
 * A server that gives these answers in turn: a status, or the text of a stream (`...` at the end
 * keeps it open).
 */
function setUp(answers: (number | string)[]) {
  const asked: { cursor: string | null; token: string | null }[] = []
  const events: string[] = []
  const renewed: string[] = []
  const statuses: string[] = []
  const streams: string[] = []
  const ephemeral: string[] = []
  const stop = new AbortController()
  let cursor = '10'
  const options: StreamOptions = {
    url: () => 'http://notify/events',
    token: async stale => {
      if (stale) renewed.push(stale)
      return `t${renewed.length}`
    },
    cursor: () => cursor,
    onEvent: (event, id) => {
      events.push((event as { n?: string }).n ?? event.type)
      cursor = id
    },
    onEphemeral: event => ephemeral.push(event.type),
    onConnected: id => streams.push(id),
    onCursor: id => {
      cursor = id
    },
    onStatus: status => statuses.push(status),
    signal: stop.signal,
    watchdogMs: 40,
    random: () => 0,
    fetch: async (_, init) => {
      const headers = new Headers(init?.headers)
      asked.push({ cursor: headers.get('last-event-id'), token: headers.get('authorization') })
      const answer = answers.shift()
      if (answer === undefined) {
        stop.abort()
        throw new TypeError('over')
      }
      if (typeof answer === 'number') return new Response(null, { status: answer })
      const open = answer.endsWith('...')
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(open ? answer.slice(0, -3) : answer))
          if (!open) controller.close()
          init?.signal?.addEventListener('abort', () => controller.error(new Error('aborted')))
        },
      })
      return new Response(body)
    },
  }
  return { options, asked, events, ephemeral, streams, renewed, statuses }
}

const connected = 'retry: 1\nid: 10\nevent: connected\ndata: {"stream_id":"s"}\n\n'
const frame = (id: number) =>
  `id: ${id}\nevent: message.new\ndata: ${JSON.stringify({ type: 'message.new', n: `${id}` } as unknown as Event)}\n\n`

describe('the stream', () => {
  it('resumes from the last id, that of a heartbeat included', async () => {
    const beat = 'id: 12\nevent: heartbeat\ndata: {}\n\n'
    const { options, asked, events } = setUp([
      connected + frame(11),
      connected.replace('10', '11') + beat,
      'retry: 1\n\n',
    ])
    expect(await follow(options)).toBe('aborted')
    expect(asked.map(a => a.cursor)).toEqual(['10', '11', '12', '12'])
    expect(events).toEqual(['11'])
  })

  it('names each stream, and keeps what is true only now apart', async () => {
    const typing = 'event: typing\ndata: {"type":"typing"}\n\n'
    const { options, events, ephemeral, streams, asked } = setUp([connected + typing, connected])
    await follow(options)
    expect(streams).toEqual(['s', 's'])
    expect(ephemeral).toEqual(['typing'])
    expect(events).toEqual([])
    expect(asked.map(a => a.cursor)).toEqual(['10', '10', '10'])
  })

  it('drops a silent connection', async () => {
    const { options, asked, statuses } = setUp([`${connected}${frame(11)}...`])
    await follow(options)
    expect(asked.length).toBe(2)
    expect(statuses).toEqual(['connecting', 'open', 'connecting'])
  })

  it('renews a refused token', async () => {
    const { options, asked, renewed } = setUp(['retry: 1\n\n', 401, connected])
    await follow(options)
    expect(renewed).toEqual(['t0'])
    expect(asked.map(a => a.token)).toEqual(['Bearer t0', 'Bearer t0', 'Bearer t1', 'Bearer t1'])
  })

  it('ends with a reset, and ignores what follows', async () => {
    const { options, events } = setUp([`event: reset\ndata: {"reason":"unknown"}\n\n${frame(11)}`])
    expect(await follow(options)).toBe('reset')
    expect(events).toEqual([])
  })

  it('ends when the session is over', async () => {
    expect(await follow(setUp([204]).options)).toBe('gone')
  })

  it('backs off exponentially, up to a maximum', () => {
    expect(backoff(1, 1000, () => 1)).toBe(1000)
    expect(backoff(3, 1000, () => 1)).toBeCloseTo(2890)
    expect(backoff(50, 1000, () => 1)).toBe(30_000)
  })
})
