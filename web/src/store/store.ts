// The store: puts the slices together. Each takes the snapshot and the events that the feed brings,
// in the order of the table. It renders nothing.
import { type Api, connectApi } from '../api/client'
import type { Event, Message, Snapshot } from '../api/types'
import { CHATS_PER_PAGE, type Early } from './early'
import { Feed } from './feed'
import { apply, fromSnapshot } from './fold'
import { keepCopies } from './keepCopies'
import { type Session, SignedOut } from './session'
import type { Context, Live } from './slice'
import { type LiveSlices, SLICES, type SliceViews } from './slices'
import { deviceStorage } from './storage'
import { type View, ViewHolder } from './view'

/** Its slices by name, and what they share. */
export type Store = LiveSlices & {
  readonly api: Api
  readonly view: ViewHolder
  /** Calls `listener` for each new message of another user, in the leading tab only. */
  onMessage(listener: (message: Message) => unknown): () => void
  /** The chat that the window shows: who types there is told. */
  show(chatId: string | null): void
  close(): void
}

export function emptyView(): View {
  const views = Object.values(SLICES).map(slice => ('view' in slice ? slice.view : {}))
  const shown = Object.assign({}, ...views) as SliceViews
  return { ...shown, data: null, stream: 'connecting', unreachable: false }
}

/** `early`: what was asked for before. */
export function openStore(session: Session, early: Early | null = null): Store {
  const { info } = session
  if (!info) throw new SignedOut()
  const me = info.user.id
  const api = connectApi(session)
  const view = new ViewHolder(emptyView())
  const stop = new AbortController()
  const listeners = new Set<(message: Message) => unknown>()

  const fold = (event: Event) => {
    const { data } = view.get()
    if (data) view.set({ data: apply(data, event) })
  }
  const context: Context<View> = {
    api,
    me,
    view,
    signal: stop.signal,
    early,
    fold,
    loaded: what => {
      for (const slice of slices) slice.onLoaded?.(what)
    },
  }
  const opened = Object.entries(SLICES).flatMap(([name, slice]) =>
    'open' in slice ? [[name, slice.open(context) as Live] as const] : [],
  )
  const slices = opened.map(([, slice]) => slice)

  const { restored } = session
  if (restored) {
    const users = new Map(restored.users.map(user => [user.id, user]))
    const data = fromSnapshot(restored.snapshot, { users })
    view.set({ data, windows: new Map(restored.windows) })
    for (const slice of slices) slice.onSnapshot?.(restored.snapshot, true)
  }
  keepCopies(() => session.info, view, stop.signal)

  const onStorage = ({ key }: StorageEvent) => {
    if (!key) return
    deviceStorage.forget(key)
    for (const slice of slices) slice.onStorage?.(key)
  }
  addEventListener('storage', onStorage)
  const feed = new Feed({
    session,
    api,
    me,
    chats: CHATS_PER_PAGE,
    early: early?.snapshot,
    signal: stop.signal,
    onSnapshot: (snapshot: Snapshot, first: boolean) => {
      view.set({ data: fromSnapshot(snapshot, view.get().data ?? undefined), unreachable: false })
      for (const slice of slices) slice.onSnapshot?.(snapshot, first && !restored)
    },
    onEvent: (event, leads) => {
      fold(event)
      for (const slice of slices) slice.onEvent?.(event)
      if (leads && event.type === 'message.new' && isFromOther(event.message, me))
        for (const listener of listeners) listener(event.message)
    },
    onEphemeral: event => {
      for (const slice of slices) slice.onEphemeral?.(event)
    },
    onStatus: stream => view.set({ stream }),
    onUnreachable: () => view.set({ unreachable: true }),
  })
  return {
    ...(Object.fromEntries(opened) as unknown as LiveSlices),
    api,
    view,
    onMessage: listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    show: chatId => feed.show(chatId),
    close: () => {
      stop.abort()
      for (const slice of slices) slice.close?.()
      removeEventListener('storage', onStorage)
    },
  }
}

/** System lines are no news to anybody. */
function isFromOther({ kind, sender_id }: Message, me: string): boolean {
  return kind === 'user' && sender_id !== me
}
