import { describe, expect, it } from 'vitest'
import type { Message } from '../../api/types'
import { conversationKey } from '../conversation'
import { type OutboxStorage, takeOver } from '../outboxStorage'
import { Outbox, type OutboxOptions, type Outgoing, SendRefused } from './outbox'

const C = conversationKey('c')
const TOO_LONG = { code: 'invalid', fields: [{ pointer: '/body', code: 'too_long', max: 16_000, detail: '' }] }

/** Answers later, as the database does. `broken`: it takes and gives nothing. */
function memoryStorage(): OutboxStorage & { ids(): string[]; broken: boolean } {
  const map = new Map<string, Outgoing>()
  const later = async <T>(work: () => T): Promise<T> => {
    await Promise.resolve()
    return work()
  }
  const storage = {
    broken: false,
    ids: () => [...map.keys()],
    all: () => later(() => (storage.broken ? null : [...map.values()])),
    has: (id: string) => later(() => (storage.broken ? null : map.has(id))),
    put: (entry: Outgoing) => later(() => !storage.broken && Boolean(map.set(entry.client_id, entry))),
    remove: (id: string) => later(() => void map.delete(id)),
    close: () => undefined,
  }
  return storage
}

/** A server with these faults, which stores each `client_id` once. */
class Server {
  readonly messages: Message[] = []
  readonly faults: ('lost before' | 'lost after' | 'rejected')[] = []

  send = async (entry: Outgoing): Promise<Message> => {
    await Promise.resolve()
    const fault = this.faults.shift()
    if (fault === 'lost before') throw new TypeError('network')
    if (fault === 'rejected') throw new SendRefused(TOO_LONG)
    let message = this.messages.find(m => m.client_id === entry.client_id)
    if (!message) {
      const seq = this.messages.length + 1
      message = {
        id: `m${seq}`, chat_id: entry.chat_id, seq, kind: 'user', sender_id: 'me', body: entry.body, client_id: entry.client_id, created_at: '',
      } // biome-ignore format: a table
      this.messages.push(message)
    }
    if (fault === 'lost after') throw new TypeError('network')
    return message
  }
}

function setUp(change: Partial<OutboxOptions> = {}) {
  const server = new Server()
  const storage = memoryStorage()
  let ids = 0
  const options: OutboxOptions = {
    storage, send: server.send, exclusive: (_, work) => work(), pause: async () => {}, onChange: () => {},
    id: () => `id-${++ids}`, ...change,
  } // biome-ignore format: a table
  return { server, storage, options, outbox: new Outbox(options) }
}

const flushed = () => new Promise(resolve => setTimeout(resolve, 5))

describe('the outbox', () => {
  it('stores each message once and in order, whatever gets lost', async () => {
    const { server, outbox } = setUp()
    server.faults.push('lost before', 'lost after', 'lost before')
    for (const body of ['one', 'two', 'three']) outbox.add(C, body, null)
    await flushed()
    expect(server.messages.map(m => m.body)).toEqual(['one', 'two', 'three'])
    expect(outbox.list().every(entry => entry.sent)).toBe(true)
    for (const message of server.messages) outbox.acknowledge(message)
    expect(outbox.list()).toEqual([])
  })

  it('sends entries that a reload finds in storage', async () => {
    const stuck = setUp({ pause: () => new Promise(() => {}), send: () => Promise.reject(new TypeError('offline')) })
    stuck.outbox.add(C, 'written offline', null)
    await flushed()
    expect(stuck.outbox.list().length).toBe(1)
    stuck.outbox.close()
    const { storage } = stuck
    const after = setUp({ storage })
    await flushed()
    expect(after.server.messages.map(m => m.body)).toEqual(['written offline'])
    expect(storage.ids()).toEqual([])
  })

  it('takes over what earlier versions kept in localStorage, and leaves there what it cannot', async () => {
    const old = { client_id: 'old', chat_id: 'c', body: 'from before', reply_to: null, written_at: 1 }
    const map = new Map([['out.old', JSON.stringify(old)], ['out.odd', 'not ours'], ['draft.c', '{}']]) // biome-ignore format: a table
    const device = {
      keys: () => [...map.keys()],
      get: (key: string) => map.get(key) ?? null,
      set: () => undefined,
      remove: (key: string) => void map.delete(key),
    }
    expect(await takeOver(device, 'out.', async () => false)).toEqual([{ ...old, root_id: null }])
    expect([...map.keys()]).toEqual(['out.old', 'draft.c'])
    const storage = memoryStorage()
    expect(await takeOver(device, 'out.', storage.put)).toEqual([])
    expect([...map.keys()]).toEqual(['draft.c'])
    const { server } = setUp({ storage })
    await flushed()
    expect(server.messages.map(m => [m.chat_id, m.body])).toEqual([['c', 'from before']])
    expect(storage.ids()).toEqual([])
  })

  it('sends without a storage, in order and once', async () => {
    const storage = memoryStorage()
    storage.broken = true
    const { server, outbox } = setUp({ storage })
    server.faults.push('lost after', 'lost before')
    for (const body of ['one', 'two']) outbox.add(C, body, null)
    await outbox.reload()
    expect(outbox.list().map(entry => entry.body)).toEqual(['one', 'two'])
    await flushed()
    expect(server.messages.map(m => m.body)).toEqual(['one', 'two'])
    expect(outbox.list().every(entry => entry.sent)).toBe(true)
  })

  it('neither loses nor brings back what changes while it reads the storage', async () => {
    const { server, outbox, options } = setUp({ pause: () => new Promise(() => {}) })
    options.send = () => Promise.reject(new TypeError('offline'))
    const first = outbox.add(C, 'first', null)
    await flushed()
    const reading = outbox.reload()
    outbox.acknowledge({ ...first, id: 'm1', seq: 1, kind: 'user', sender_id: 'me', created_at: '' } as Message)
    outbox.add(C, 'second', null)
    await reading
    expect(outbox.list().map(entry => entry.body)).toEqual(['second'])
    expect(server.messages).toEqual([])
  })

  it('sends to each conversation in its order, and a stuck one holds up no other', async () => {
    const thread = conversationKey('c', 'm1')
    const locks: string[] = []
    const { server, outbox, options } = setUp({
      pause: () => new Promise(() => {}),
      exclusive: (key, work) => {
        locks.push(key)
        return work()
      },
    })
    const { send } = server
    options.send = entry => (entry.root_id ? Promise.reject(new TypeError('offline')) : send(entry))
    outbox.add(thread, 'in the thread', null)
    outbox.add(C, 'in the chat', null)
    await flushed()
    expect(server.messages.map(m => m.body)).toEqual(['in the chat'])
    expect(locks).toEqual(['c/m1', 'c'])
    const [stuck] = outbox.list()
    expect(stuck).toMatchObject({ chat_id: 'c', root_id: 'm1', body: 'in the thread' })
  })

  it('keeps a refused message for the user and sends the next', async () => {
    const { server, outbox, storage } = setUp()
    server.faults.push('rejected')
    outbox.add(C, 'too long', null)
    outbox.add(C, 'fine', null)
    await flushed()
    const [refused] = outbox.list()
    expect(refused?.refused).toEqual(TOO_LONG)
    expect(server.messages.map(m => m.body)).toEqual(['fine'])
    outbox.editAndResend(refused!, 'shorter')
    await flushed()
    expect(server.messages.map(m => m.body)).toEqual(['fine', 'shorter'])
    expect(server.messages[1]?.client_id).not.toBe(refused!.client_id)
    expect(storage.ids()).toEqual([])
  })

  it('sends a reply to what is gone again without the reply', async () => {
    const { outbox, options } = setUp()
    const { send } = options
    const gone = { code: 'invalid', fields: [{ pointer: '/reply_to', code: 'no_such_message', detail: '' }] }
    options.send = entry => (entry.reply_to ? Promise.reject(new SendRefused(gone)) : send(entry))
    outbox.add(C, 'an answer', 'm9')
    await flushed()
    const [refused] = outbox.list()
    expect(refused?.refused).toEqual(gone)
    outbox.retry(refused!)
    await flushed()
    expect(outbox.list()).toMatchObject([{ body: 'an answer', reply_to: null, sent: { body: 'an answer' } }])
  })

  it('drops the entry when the stream is faster than the response', async () => {
    const { server, options, storage } = setUp()
    let outbox!: Outbox
    options.send = async entry => {
      const message = await server.send(entry)
      outbox.acknowledge(message)
      return message
    }
    outbox = new Outbox(options)
    outbox.add(C, 'quick', null)
    await flushed()
    expect(outbox.list()).toEqual([])
    expect(storage.ids()).toEqual([])
  })

  it('drops an entry that another tab has sent', async () => {
    const { server, options, storage } = setUp()
    const one = new Outbox({
      ...options,
      pause: () => new Promise(() => {}),
      send: () => Promise.reject(new TypeError('offline')),
    })
    one.add(C, 'hello', null)
    await flushed()
    const two = new Outbox(options)
    await flushed()
    expect([server.messages.length, two.list().length]).toEqual([1, 1])
    await one.reload()
    expect([one.list().length, storage.ids().length]).toEqual([0, 0])
  })
})
