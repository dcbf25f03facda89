import { describe, expect, it } from 'vitest'
import type { Message } from '../../api/types'
import { conversationKey } from '../conversation'
import type { KeyValueStorage } from '../storage'
import { Outbox, type OutboxOptions, type Outgoing, SendRefused } from './outbox'

const C = conversationKey('c')
const TOO_LONG = { code: 'invalid', fields: [{ pointer: '/body', code: 'too_long', max: 16_000, detail: '' }] }

function memoryStorage(): KeyValueStorage {
  const map = new Map<string, string>()
  return {
    keys: () => [...map.keys()],
    get: key => map.get(key) ?? null,
    set: (key, value) => void map.set(key, value),
    remove: key => void map.delete(key),
  }
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
    storage, prefix: 'out.', send: server.send, exclusive: (_, work) => work(), pause: async () => {}, onChange: () => {},
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
    const after = setUp({ storage: stuck.storage })
    await flushed()
    expect(after.server.messages.map(m => m.body)).toEqual(['written offline'])
    expect(after.storage.keys()).toEqual([])
  })

  it('sends what was stored before there were threads', async () => {
    const { server, storage, outbox } = setUp()
    const old = { client_id: 'old', chat_id: 'c', body: 'from before', reply_to: null, written_at: 1 }
    storage.set('out.old', JSON.stringify(old))
    outbox.onStorage('draft.c')
    await flushed()
    expect(server.messages).toEqual([])
    outbox.onStorage('out.old')
    expect(outbox.list()).toEqual([{ ...old, root_id: null }])
    await flushed()
    expect(server.messages.map(m => [m.chat_id, m.body])).toEqual([['c', 'from before']])
    expect(storage.keys()).toEqual([])
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
    expect(storage.keys()).toEqual([])
  })

  it('drops the entry when the stream is faster than the response', async () => {
    const { server, options } = setUp()
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
    expect(options.storage.keys()).toEqual([])
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
    one.reload()
    expect([one.list().length, storage.keys().length]).toEqual([0, 0])
  })
})
