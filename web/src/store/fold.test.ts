import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { changesMay } from '../api/schema'
import type { Chat, ChatAction, ChatItem, Event, Member, Message, Snapshot, ThreadState, User } from '../api/types'
import { isInMainLine } from './conversation'
import { apply, fromSnapshot, type State } from './fold'
import { Paging } from './slices/paging'
import { staleAfter, withMay } from './slices/permissions'

const AT = '2026-11-21T09:30:00.000Z'

function user(id: string): User {
  return { id, fullname: id, email: null, email_verified: false, role: 'member', active: true, created_at: AT }
}

interface Room {
  chat: Chat
  members: Map<string, Member>
  messages: Message[]
  read: Map<string, number>
  threads: Map<string, ModelThread>
}

/** A thread, and what I know of it; null if I do not follow it. */
interface ModelThread {
  facts: NonNullable<Message['thread']>
  mine: { read_no: number } | null
}

function unread({ messages }: Room, read_seq: number): number {
  return messages.filter(message => isCounted(message) && message.seq > read_seq && !message.deleted_at).length
}

function isCounted(message: Message): boolean {
  return message.kind === 'user' && isInMainLine(message)
}

/** What a list of chats shows: the newest that a person wrote, or else the newest line. */
function shown({ messages }: Room): Message | null {
  return messages.findLast(isCounted) ?? messages.findLast(isInMainLine) ?? null
}

/** My view of the thread about a message. */
function stateOf({ chat, messages, threads }: Room, root_id: string): ThreadState | null {
  const thread = threads.get(root_id)
  if (!thread?.mine) return null
  const { read_no } = thread.mine
  const isUnread = (reply: Message) =>
    reply.root_id === root_id && (reply.thread_no ?? 0) > read_no && !reply.deleted_at
  const { last_no, deleted_count } = thread.facts
  const unread_count = messages.filter(isUnread).length
  return { root_id, chat_id: chat.id, following: true, read_no, unread_count, last_no, deleted_count }
}

/** A Parlor in a few lines: does what it is told at random, tells it as events, and can be asked for a snapshot. */
class Model {
  readonly events: Event[] = []
  private chats = new Map<string, Room>()
  private readonly people = ['me', 'ann', 'bob', 'cat'].map(user)
  private count = 0
  private readonly random: () => number

  constructor(random: () => number) {
    this.random = random
  }

  snapshot(): Snapshot {
    const items: ChatItem[] = []
    for (const room of this.chats.values()) {
      const { chat, members, read } = room
      const member = members.get('me')
      if (!member) continue
      const read_seq = read.get('me') ?? 0
      const last_message = shown(room)
      const unread_count = unread(room, read_seq)
      items.push({ chat: { ...chat }, member, last_message, read_seq, unread_count, may: this.may(member) })
    }
    return {
      cursor: String(this.events.length),
      user: this.people[0]!,
      events_url: 'http://notify/events',
      workspace: { id: 'w', name: 'w', verified_only: false, email_domains: [], created_at: AT },
      chats: { items, has_more: false },
      threads: { items: this.followed(), has_more: false },
    }
  }

  private followed(): ThreadState[] {
    return [...this.chats.values()].flatMap(room =>
      room.members.has('me') ? [...room.threads.keys()].flatMap(id => stateOf(room, id) ?? []) : [],
    )
  }

  private may(member: Member): ChatAction[] {
    const admin = this.people[0]!.role !== 'member'
    return ['see', ...(member.role === 'owner' ? (['update'] as const) : []), ...(admin ? (['delete'] as const) : [])]
  }

  step(): void {
    const chat = this.pick([...this.chats.values()])
    const who = this.pick(this.people)!.id
    const roll = this.random()
    if (!chat || roll < 0.08) {
      this.create(who)
      return
    }
    const { id } = chat.chat
    const inside = chat.members.has(who)
    const base = { at: AT, chat_id: id }
    if (roll < 0.2 && inside) {
      this.reply(chat, who)
    } else if (roll < 0.25 && chat.members.has('me')) {
      this.readThread(chat)
    } else if (roll < 0.5 && inside) {
      chat.chat.last_seq += 1
      chat.chat.last_root_no += 1
      const message = this.message(id, chat.chat.last_seq, who)
      chat.messages.push(message)
      chat.read.set(who, message.seq)
      this.tell(chat, { ...base, type: 'message.new', message })
    } else if (roll < 0.6 && chat.messages.length > 0) {
      const index = Math.floor(this.random() * chat.messages.length)
      const gone = this.random() < 0.5
      if (chat.messages[index]!.deleted_at || chat.messages[index]!.kind === 'system') return
      const message = {
        ...chat.messages[index]!,
        body: gone ? '' : 'edited',
        ...(gone ? { deleted_at: AT } : { edited_at: AT }),
      }
      chat.messages[index] = message
      if (gone) {
        if (isInMainLine(message)) chat.chat.deleted_count += 1
        const { deleted_count } = chat.chat
        const thread = message.root_id && this.changeThread(chat, message.root_id, { deleted: 1 })
        this.tell(chat, { ...base, type: 'message.deleted', message, deleted_count, ...(thread ? { thread } : {}) })
      } else this.tell(chat, { ...base, type: 'message.edited', message })
    } else if (roll < 0.7 && chat.members.has('me')) {
      const seq = Math.max(chat.read.get('me') ?? 0, Math.floor(this.random() * (chat.chat.last_seq + 1)))
      chat.read.set('me', seq)
      const { last_seq, last_root_no, deleted_count } = chat.chat
      const read = { seq, unread_count: unread(chat, seq), last_seq, last_root_no, deleted_count }
      this.tell(chat, { ...base, type: 'chat.read', read })
    } else if (roll < 0.82 && !inside) {
      this.line(chat, who)
      chat.chat.member_count += 1
      const member: Member = { user_id: who, role: 'member', joined_at: AT }
      chat.members.set(who, member)
      chat.read.set(who, chat.chat.last_seq)
      const last_message = shown(chat)
      this.tell(chat, { ...base, type: 'member.joined', chat: { ...chat.chat }, member, last_message })
    } else if (roll < 0.9 && inside) {
      this.line(chat, who)
      const member = chat.members.get(who)!
      chat.chat.member_count -= 1
      const audience = new Set(chat.members.keys())
      chat.members.delete(who)
      if (who === 'me') for (const thread of chat.threads.values()) thread.mine = null
      this.tell(chat, { ...base, type: 'member.left', chat: { ...chat.chat }, member }, audience)
    } else if (roll < 0.93 && inside) {
      const member: Member = { ...chat.members.get(who)!, role: this.random() < 0.5 ? 'owner' : 'member' }
      chat.members.set(who, member)
      this.tell(chat, { ...base, type: 'member.updated', chat: { ...chat.chat }, member })
    } else if (roll < 0.96) {
      this.line(chat, who)
      chat.chat.name = `name ${this.count++}`
      this.tell(chat, { ...base, type: 'chat.updated', chat: { ...chat.chat } })
    } else if (roll < 0.97) {
      this.chats.delete(id)
      this.tell(chat, { ...base, type: 'chat.deleted', chat: { id } })
    } else {
      const index = Math.floor(this.random() * this.people.length)
      const role = this.random() < 0.5 ? 'admin' : 'member'
      this.people[index] = { ...this.people[index]!, fullname: `person ${this.count++}`, role }
      this.events.push({ at: AT, type: 'user.updated', user: this.people[index]! })
    }
  }

  private create(owner: string): void {
    const id = `c${this.count++}`
    const ids = new Set([owner, this.pick(this.people)!.id])
    const chat: Chat = {
      id, kind: 'group', name: null, description: '', owner_id: owner, member_count: ids.size, member_ids: [...ids],
      last_seq: 0, last_root_no: 0, deleted_count: 0, auto_join: false, created_at: AT,
    } // biome-ignore format: a table
    const members = [...ids].map(
      user_id => ({ user_id, role: user_id === owner ? 'owner' : 'member', joined_at: AT }) as Member,
    )
    const entry = {
      chat,
      members: new Map(members.map(m => [m.user_id, m])),
      messages: [],
      read: new Map(),
      threads: new Map(),
    }
    this.chats.set(id, entry)
    this.tell(entry, { at: AT, chat_id: id, type: 'chat.created', chat: { ...chat }, members })
    this.line(entry, owner)
  }

  private reply(room: Room, who: string): void {
    const root = this.pick(room.messages.filter(message => message.kind === 'user' && !message.root_id))
    if (!root || root.deleted_at) return
    const also_in_chat = this.random() < 0.3
    room.chat.last_seq += 1
    if (also_in_chat) room.chat.last_root_no += 1
    const thread_no = (room.threads.get(root.id)?.facts.last_no ?? 0) + 1
    const seq = room.chat.last_seq
    const message = { ...this.message(room.chat.id, seq, who), root_id: root.id, thread_no, also_in_chat }
    room.messages.push(message)
    if (also_in_chat) room.read.set(who, seq)
    const thread = this.changeThread(room, root.id, { reply: message })
    const mine = room.threads.get(root.id)!
    if (who === 'me') mine.mine = { read_no: thread_no }
    else if (thread_no === 1 && root.sender_id === 'me' && room.members.has('me')) mine.mine = { read_no: 0 }
    this.tell(room, { at: AT, chat_id: room.chat.id, type: 'message.new', message, thread })
  }

  /** The thread about a message after a reply or a deletion, as an event and the message itself tell it. */
  private changeThread(room: Room, root_id: string, { reply, deleted = 0 }: { reply?: Message; deleted?: number }) {
    const known = room.threads.get(root_id)
    const last_no = reply?.thread_no ?? known?.facts.last_no ?? 0
    const deleted_count = (known?.facts.deleted_count ?? 0) + deleted
    const before = known?.facts.participants ?? []
    const participants = reply ? [...new Set([...before, reply.sender_id])].slice(0, 5) : before
    const facts = { last_no, deleted_count, reply_count: last_no - deleted_count, last_reply_at: AT, participants }
    room.threads.set(root_id, { facts, mine: known?.mine ?? null })
    const index = room.messages.findIndex(message => message.id === root_id)
    const root = { ...room.messages[index]!, thread: facts }
    room.messages[index] = root
    return { root_id, root_seq: root.seq, root_sender_id: root.sender_id, ...facts }
  }

  /** I read on in a thread, follow it or follow it no more. */
  private readThread(room: Room): void {
    const [root_id, thread] = this.pick([...room.threads]) ?? []
    if (!root_id || !thread) return
    const { last_no, deleted_count } = thread.facts
    const was = thread.mine
    if (was && this.random() < 0.7)
      thread.mine = { read_no: Math.max(was.read_no, Math.floor(this.random() * (last_no + 1))) }
    else thread.mine = was ? null : { read_no: last_no }
    const gone = { root_id, chat_id: room.chat.id, following: false, read_no: was?.read_no ?? 0, unread_count: 0, last_no, deleted_count } // biome-ignore format: short
    const state = stateOf(room, root_id) ?? gone
    this.tell(room, { at: AT, chat_id: room.chat.id, type: 'thread.updated', thread: state })
  }

  /** A system line, before the change that it tells. */
  private line(room: Room, who: string): void {
    room.chat.last_seq += 1
    const message: Message = { ...this.message(room.chat.id, room.chat.last_seq, who), kind: 'system', body: '' }
    room.messages.push(message)
    this.tell(room, { at: AT, chat_id: room.chat.id, type: 'message.new', message })
  }

  private tell(
    chat: { members: Map<string, Member> },
    event: Event,
    audience: { has(id: string): boolean } = chat.members,
  ): void {
    if (audience.has('me')) this.events.push(event)
  }

  private message(chat_id: string, seq: number, sender_id: string): Message {
    return {
      id: `${chat_id}-${seq}`,
      chat_id,
      seq,
      kind: 'user',
      sender_id,
      body: `body ${this.count++}`,
      created_at: AT,
    }
  }

  private pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.random() * items.length)]
  }
}

/** Mulberry32: the same stream for the same seed. */
function seeded(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** What tests/fold_cases.json holds; chaos/src/fold.rs runs the same cases. */
interface Cases {
  state: Pick<State, 'user' | 'workspace'> & {
    chats: Record<string, ChatItem>
    threads: Record<string, ThreadState>
  }
  cases: { name: string; event: Event; after: Record<string, unknown> }[]
}
const file: Cases = JSON.parse(readFileSync(new URL('../../../tests/fold_cases.json', import.meta.url), 'utf8'))

/** `file.state` with other values at some JSON pointers. */
function changed(values: Record<string, unknown>): State {
  const whole = structuredClone(file.state)
  for (const [pointer, value] of Object.entries(values)) {
    const path = pointer.slice(1).split('/')
    const key = path.pop() as string
    let parent = whole as unknown as Record<string, unknown>
    for (const step of path) parent = parent[step] as Record<string, unknown>
    parent[key] = value
  }
  const { user, workspace } = whole
  const chats = { items: Object.values(whole.chats), has_more: false }
  const threads = { items: Object.values(whole.threads), has_more: false }
  return fromSnapshot({ cursor: '', events_url: '', user, workspace, chats, threads })
}

describe('each kind of event', () => {
  for (const { name, event, after } of file.cases) {
    it(`${event.type}: ${name}`, () => {
      const next = apply(changed({}), event)
      expect(comparable(next)).toEqual(comparable(changed(after)))
      if ('user' in event) expect(next.users.get(event.user.id)).toEqual(event.user)
    })
  }

  it('has a case', () => {
    const tried = new Set(file.cases.map(({ event }) => event.type))
    expect(Object.keys(changesMay).filter(type => !tried.has(type as Event['type']))).toEqual([])
  })
})

/** Folds events, and then asks what one may do where they can have changed it, as the store does. */
function follow(
  state: State,
  events: readonly Event[],
  model: Model,
  table: Partial<typeof changesMay> = changesMay,
): State {
  const stale = new Set<string>()
  let now = state
  for (const event of events) {
    now = apply(now, event)
    for (const id of staleAfter(event, now, table)) stale.add(id)
  }
  return settled(now, stale, model)
}

function settled(state: State, stale: ReadonlySet<string>, model: Model): State {
  const items = model.snapshot().chats.items.filter(item => stale.has(item.chat.id))
  return withMay(
    state,
    items.map(({ chat, may }) => ({ chat_id: chat.id, may })),
  )
}

function comparable(state: State) {
  const [chats, threads] = [state.chats, state.threads].map(all => Object.fromEntries([...all].sort()))
  return { user: state.user, workspace: state.workspace, chats, threads }
}

describe('folding a stream onto a snapshot', () => {
  it('gives what a later snapshot says, whatever happens', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const model = new Model(seeded(seed))
      for (let i = 0; i < 40; i++) model.step()
      const snapshot = model.snapshot()
      const from = model.events.length
      for (let i = 0; i < 120; i++) model.step()
      const folded = follow(fromSnapshot(snapshot), model.events.slice(from), model)
      expect(comparable(folded), `seed ${seed}`).toEqual(comparable(fromSnapshot(model.snapshot())))
    }
  })

  it('needs each kind that can change what one may do', () => {
    // After leaving, and after being deactivated, there is nothing left to compare.
    for (const kind of ['chat.created', 'member.joined', 'member.updated', 'user.updated'] as const) {
      const { [kind]: left, ...table } = changesMay
      expect(left).toBeDefined()
      const differs = Array.from({ length: 50 }, (_, seed) => {
        const model = new Model(seeded(seed + 1))
        for (let i = 0; i < 40; i++) model.step()
        const snapshot = model.snapshot()
        const from = model.events.length
        for (let i = 0; i < 20; i++) model.step()
        const folded = follow(fromSnapshot(snapshot), model.events.slice(from), model, table)
        return JSON.stringify(comparable(folded)) !== JSON.stringify(comparable(fromSnapshot(model.snapshot())))
      })
      expect(differs, kind).toContain(true)
    }
  })

  it('arrives at the same state when it begins earlier than the snapshot', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const model = new Model(seeded(seed))
      for (let i = 0; i < 80; i++) model.step()
      const from = Math.floor(model.events.length * 0.7)
      const snapshot = model.snapshot()
      for (let i = 0; i < 40; i++) model.step()
      const folded = follow(fromSnapshot(snapshot), model.events.slice(from), model)
      expect(comparable(folded).chats, `seed ${seed}`).toEqual(comparable(fromSnapshot(model.snapshot())).chats)
    }
  })

  it('takes the answer to my own request before the events that it counts', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const model = new Model(seeded(seed))
      for (let i = 0; i < 80; i++) model.step()
      const from = model.events.length
      let state = fromSnapshot(model.snapshot())
      for (let i = 0; i < 40; i++) model.step()
      const later = model.events.slice(from)
      const left = new Set(
        later
          .filter(event => event.type === 'member.left' || event.type === 'chat.deleted')
          .map(event => event.chat_id),
      )
      // The last read position of each chat comes first.
      const answers = new Map(later.filter(event => event.type === 'chat.read').map(event => [event.chat_id, event]))
      for (const [id, answer] of answers) if (!left.has(id)) state = apply(state, answer)
      const folded = follow(state, later, model)
      expect(comparable(folded).chats, `seed ${seed}`).toEqual(comparable(fromSnapshot(model.snapshot())).chats)
    }
  })

  it('never goes back on the way there', () => {
    const marks = (item: ChatItem) => [item.chat.last_seq, item.last_message?.seq ?? 0, item.read_seq]
    for (let seed = 1; seed <= 200; seed++) {
      const model = new Model(seeded(seed))
      for (let i = 0; i < 80; i++) model.step()
      const from = Math.floor(model.events.length * 0.5)
      let state = fromSnapshot(model.snapshot())
      for (const event of model.events.slice(from)) {
        const next = apply(state, event)
        for (const [id, item] of next.chats) {
          const before = state.chats.get(id)
          for (const [i, mark] of marks(item).entries()) {
            expect(mark, `seed ${seed}, ${event.type}`).toBeGreaterThanOrEqual(before ? (marks(before)[i] ?? 0) : 0)
          }
          expect(item.unread_count).toBeGreaterThanOrEqual(0)
        }
        state = next
      }
    }
  })

  it('takes in pages of chats that were fetched while events came, and forgets what is in none of them', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const model = new Model(seeded(seed))
      for (let i = 0; i < 40; i++) model.step()
      // What was there before a time without a stream, which ends with a snapshot that holds only one chat.
      const before = fromSnapshot(model.snapshot())
      for (let i = 0; i < 40; i++) model.step()
      const snapshot = model.snapshot()
      let at = model.events.length
      const part = snapshot.chats.items.slice(0, 1)
      let state = fromSnapshot({ ...snapshot, chats: { items: part, has_more: true } }, before)
      expect(state.chats.size, 'what was there stays meanwhile').toBeGreaterThanOrEqual(before.chats.size)
      const paging = new Paging(part, 'me')
      const stale = new Set<string>()
      const goOn = (steps: number) => {
        for (let i = 0; i < steps; i++) model.step()
        for (; at < model.events.length; at++) {
          const event = model.events[at]!
          paging.saw(event)
          state = apply(state, event)
          // Pages that come later may be older.
          const { items } = model.snapshot().chats
          const everywhere = event.type === 'user.updated' && event.user.id === 'me'
          for (const id of everywhere ? items.map(item => item.chat.id) : staleAfter(event, state)) stale.add(id)
        }
      }
      goOn(10)
      const pages = [...model.snapshot().chats.items].sort((a, b) => (a.chat.id < b.chat.id ? 1 : -1))
      for (let from = 0; from < pages.length; from += 2) {
        goOn(3)
        state = { ...state, chats: paging.merge(state.chats, pages.slice(from, from + 2)) }
      }
      state = { ...state, chats: paging.finish(state.chats) }
      goOn(30)
      state = settled(state, stale, model)
      expect(comparable(state).chats, `seed ${seed}`).toEqual(comparable(fromSnapshot(model.snapshot())).chats)
    }
  })

  it('passes over what it does not know', () => {
    const state = fromSnapshot(new Model(seeded(1)).snapshot())
    expect(apply(state, { type: 'reaction.added', at: AT, chat_id: 'x' } as unknown as Event)).toBe(state)
  })

  it('shares what an event did not touch', () => {
    const model = new Model(seeded(7))
    for (let i = 0; i < 60; i++) model.step()
    const state = fromSnapshot(model.snapshot())
    const [first, second] = [...state.chats.values()]
    const next = apply(state, {
      type: 'chat.updated',
      at: AT,
      chat_id: first!.chat.id,
      chat: { ...first!.chat, name: 'new' },
    })
    expect(next.chats.get(second!.chat.id)).toBe(second)
    expect(next.chats.get(first!.chat.id)?.chat.name).toBe('new')
  })
})
