// Hooks for components: the store and parts of its view, and facts about the device and the page.
import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import type { ChatItem, Message, User } from '../api/types'
import type { ConversationKey } from '../store/conversation'
import type { Session } from '../store/session'
import type { Draft } from '../store/slices/drafts'
import type { Store } from '../store/store'
import type { View } from '../store/view'
import { chatTitle, UNKNOWN } from './chats'

export const StoreContext = createContext<Store | null>(null)
export const SessionContext = createContext<Session | null>(null)

export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('outside of a session')
  return session
}

export function useStore(): Store {
  const store = useContext(StoreContext)
  if (!store) throw new Error('outside of a store')
  return store
}

/** A part of the view. `select` must return the same object as long as nothing changed. */
export function useView<T>(select: (view: View) => T): T {
  const store = useStore()
  return useSyncExternalStore(store.view.subscribe, () => select(store.view.get()))
}

export function useMe(): User {
  return useView(view => view.data?.user) as User
}

export function useChat(id: string): ChatItem | undefined {
  return useView(view => view.data?.chats.get(id))
}

export function useUser(id: string | undefined): User | undefined {
  const store = useStore()
  const user = useView(view => (id ? view.data?.users.get(id) : undefined))
  useEffect(() => {
    if (id && !user) store.users.request(id)
  }, [store, id, user])
  return user
}

export function useDraft(conversation: ConversationKey): Draft {
  const { drafts } = useStore()
  return useSyncExternalStore(drafts.subscribe, () => drafts.get(conversation))
}

export function useHasDraft(conversation: ConversationKey): boolean {
  const { drafts } = useStore()
  return useSyncExternalStore(drafts.subscribe, () => drafts.has(conversation))
}

/**
 * The message that another one replies to: undefined while it loads, null if it cannot be loaded.
 */
export function useQuoted(conversation: ConversationKey, id: string | null): Message | null | undefined {
  const store = useStore()
  const loaded = useView(view => id && view.windows.get(conversation)?.items.find(message => message.id === id))
  const fetched = useView(view => (id ? view.quotes.get(id) : null))
  const message = loaded || fetched
  useEffect(() => {
    if (id && message === undefined) store.messages.requestQuote(conversation, id)
  }, [store, message, conversation, id])
  return message
}

/** The title of a chat. Looks up the users whose names it is made of. */
export function useChatTitle(item: ChatItem): string {
  const store = useStore()
  const me = useMe()
  const title = useView(view => chatTitle(item, me.id, view.data?.users ?? NO_USERS))
  const unknown = title.includes(UNKNOWN)
  useEffect(() => {
    if (unknown) for (const id of item.chat.member_ids) store.users.request(id)
  }, [store, item, unknown])
  return title
}

const NO_USERS: ReadonlyMap<string, User> = new Map()

/** There is room for the list or a chat, but not for both. */
const PHONE = matchMedia('(max-width: 45em)')
/** There is no room for the rail. */
export const NARROW = matchMedia('(max-width: 56.24em)')
/** There is no room for a panel beside the messages. */
export const OVERLAID = matchMedia('(max-width: 74.99em)')

export function useMedia(media: MediaQueryList): boolean {
  return useSyncExternalStore(
    listener => {
      media.addEventListener('change', listener)
      return () => media.removeEventListener('change', listener)
    },
    () => media.matches,
  )
}

export function usePhone(): boolean {
  return useMedia(PHONE)
}

/**
 * On touch screens Enter is a new line, and focusing an input opens a keyboard over the messages.
 */
export const TOUCH = matchMedia('(pointer: coarse)')

/** Cmd on a Mac, Ctrl elsewhere. */
export function isMod(event: { metaKey: boolean; ctrlKey: boolean }): boolean {
  return MAC ? event.metaKey : event.ctrlKey
}

export const MAC = /Mac|iPhone|iPad/.test(navigator.platform)

function isPageActive(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus()
}

/** Whether the page is visible and has the focus, so that the user is likely to look at it. */
export function usePageActive(): boolean {
  const [pageActive, setPageActive] = useState(isPageActive)
  useEffect(() => {
    const update = () => setPageActive(isPageActive())
    addEventListener('focus', update)
    addEventListener('blur', update)
    document.addEventListener('visibilitychange', update)
    return () => {
      removeEventListener('focus', update)
      removeEventListener('blur', update)
      document.removeEventListener('visibilitychange', update)
    }
  }, [])
  return pageActive
}
