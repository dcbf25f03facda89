// The fold against a real Parlor: four users act at random, the client's code follows their
// streams, and its state must equal the answer of `/api/sync` afterwards. No browser: vite loads
// the modules of the store.
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { createServer } from 'vite'
import { until } from './until.mjs'

const ACTIONS = 250
/** Less than there are chats in the end, so that most of them are loaded by pages. */
const PART = 3
const PAGE = 4

export async function steps(step, world) {
  const vite = await createServer({
    root: resolve(import.meta.dirname, '..'),
    logLevel: 'error',
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
    appType: 'custom',
  })
  try {
    const load = path => vite.ssrLoadModule(path)
    const { apply, fromSnapshot } = await load('/src/store/fold.ts')
    const { Paging } = await load('/src/store/slices/paging.ts')
    const { staleAfter, withMay } = await load('/src/store/slices/permissions.ts')
    const { follow } = await load('/src/store/stream.ts')
    const client = { apply, fromSnapshot, follow, staleAfter, withMay }
    // The seed is in the message of a failure.
    for (const seed of [1, 2, Math.floor(Math.random() * 2 ** 31)]) {
      await step(`a random afternoon, folded live and in part (seed ${seed})`, async () => {
        const random = seeded(seed)
        const people = await arrive(world, seed)
        for (let i = 0; i < 30; i++) await act(people, random)
        const [me] = people
        const whole = new Follower(me, await me.sync(), client)
        const part = new Follower(me, await me.sync(PART), client, Paging)
        for (let i = 0; i < ACTIONS; i++) {
          await act(people, random)
          if (i % 20 === 0) await part.nextPage()
        }
        await part.lastPages()
        // The last event: once it is applied, all are.
        await me.call('PATCH', '/api/users/me', { fullname: `Done ${seed}` })
        for (const [name, follower] of Object.entries({ whole, part })) {
          await until(`the ${name} is there`, () => follower.state.user.fullname === `Done ${seed}`)
          follower.stop.abort()
          await follower.askForMay(client)
          const now = fromSnapshot(await me.sync(200))
          assert.deepEqual(sorted(follower.state.chats), sorted(now.chats), `${name}, seed ${seed}`)
          assert.deepEqual(follower.state.user, now.user)
          assert.deepEqual(follower.state.workspace, now.workspace)
        }
        assert.ok(whole.kinds.size >= 8, `it was too quiet: ${[...whole.kinds]}`)
      })
    }
  } finally {
    await vite.close()
  }
}

/** Keeps a snapshot up to date with the client's code. */
class Follower {
  stop = new AbortController()
  kinds = new Set()
  stale = new Set()
  paged = undefined
  done = false

  constructor(person, snapshot, client, Paging) {
    this.person = person
    this.state = client.fromSnapshot(snapshot)
    this.paging = Paging && new Paging(snapshot.chats.items, person.id)
    let { cursor } = snapshot
    void client.follow({
      url: () => snapshot.events_url,
      token: () => person.token,
      cursor: () => cursor,
      onEvent: (event, id) => {
        cursor = id
        this.kinds.add(event.type)
        this.paging?.saw(event)
        this.state = client.apply(this.state, event)
        for (const id of client.staleAfter(event, this.state)) this.stale.add(id)
      },
      onCursor: id => {
        cursor = id
      },
      onEphemeral: () => undefined,
      onConnected: () => undefined,
      onStatus: () => undefined,
      signal: this.stop.signal,
    })
  }

  async askForMay({ withMay }) {
    const { items } = await this.person.call('GET', `/api/chat/may?ids=${[...this.stale]}`)
    this.state = withMay(this.state, items)
  }

  async nextPage() {
    if (this.done) return
    const after = this.paged ? `&after=${this.paged}` : ''
    const page = await this.person.call('GET', `/api/chat?limit=${PAGE}${after}`)
    this.state = { ...this.state, chats: this.paging.merge(this.state.chats, page.items) }
    this.paged = page.items.at(-1)?.chat.id
    if (page.has_more) return
    this.done = true
    this.state = { ...this.state, chats: this.paging.finish(this.state.chats) }
  }

  async lastPages() {
    while (!this.done) await this.nextPage()
  }
}

class Somebody {
  constructor(base, signedIn) {
    this.base = base
    this.token = signedIn.access_token
    this.id = signedIn.user.id
  }

  /** The response, or null if the server refused; many random actions are refused. */
  async call(method, path, body) {
    const response = await fetch(this.base + path, {
      method,
      headers: { authorization: `Bearer ${this.token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body && JSON.stringify(body),
    })
    assert.ok(response.status < 500 && response.status !== 429, `${method} ${path}: ${response.status}`)
    return response.ok && response.status !== 204 ? await response.json() : null
  }

  sync(limit = 200) {
    return this.call('GET', `/api/sync?limit=${limit}`)
  }
}

async function arrive({ parlor, stamp }, seed) {
  const signUp = async (name, where) => {
    const email = `${name}-${seed}-${stamp}@e2e.example`
    const response = await fetch(`${parlor.url}/api/signup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fullname: name, email, password: 'correct horse', ...where }),
    })
    assert.equal(response.status, 201, await response.clone().text())
    return new Somebody(parlor.url, await response.json())
  }
  const first = await signUp('me', { workspace: `Fold ${seed} ${stamp}` })
  const { code: invite } = await first.call('POST', '/api/invites', { max_uses: 10 })
  return [first, ...(await Promise.all(['ann', 'bob', 'cat'].map(name => signUp(name, { invite }))))]
}

async function act(people, random) {
  const pick = items => items[Math.floor(random() * items.length)]
  const [who, other] = [pick(people), pick(people)]
  const list = await who.call('GET', '/api/chat?limit=200')
  const item = pick(list.items)
  const roll = random()
  const name = `n${Math.floor(random() * 1e9)}`
  if (!item || roll < 0.1) {
    const kind = pick(['single', 'group', 'private_channel', 'public_channel'])
    const members = kind === 'single' ? [other.id] : people.filter(() => random() < 0.6).map(({ id }) => id)
    const named = kind === 'single' || kind === 'group' ? {} : { name }
    return await who.call('POST', '/api/chat', { kind, members, ...named })
  }
  const { id } = item.chat
  const last = `/api/chat/${id}/messages/${item.last_message?.id}`
  if (roll < 0.45) return await who.call('POST', `/api/chat/${id}/messages`, { body: name })
  if (roll < 0.52) return await who.call('PATCH', last, { body: `${name} edited` })
  if (roll < 0.58) return await who.call('DELETE', last)
  if (roll < 0.66) return await who.call('POST', `/api/chat/${id}/read`, { seq: Math.floor(random() * 20) })
  if (roll < 0.74) return await who.call('POST', `/api/chat/${id}/members`, { user_ids: [other.id] })
  if (roll < 0.8) return await who.call('DELETE', `/api/chat/${id}/members/${other.id}`)
  if (roll < 0.84) return await who.call('POST', `/api/chat/${id}/leave`)
  if (roll < 0.88) {
    const { items } = await who.call('GET', '/api/channels')
    return await who.call('POST', `/api/chat/${pick(items)?.id ?? 'none'}/join`)
  }
  if (roll < 0.92) return await who.call('PATCH', `/api/chat/${id}/members/${other.id}`, { role: 'owner' })
  if (roll < 0.96) return await who.call('PATCH', `/api/chat/${id}`, { description: name })
  if (roll < 0.98) return await who.call('DELETE', `/api/chat/${id}`)
  return await who.call('PATCH', '/api/users/me', { fullname: name })
}

function sorted(chats) {
  return Object.fromEntries([...chats].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Mulberry32: the same actions for the same seed, apart from the ids of the server. */
function seeded(seed) {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
