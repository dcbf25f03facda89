import { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react'
import type { ChatItem, Message, User } from '../api/types'
import type { Draft } from '../store/drafts'
import type { Session } from '../store/session'
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

/** Part of the view. What `select` gives must be the same object as long as it is the same thing. */
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
    if (id && !user) store.people.want(id)
  }, [store, id, user])
  return user
}

export function useDraft(chatId: string): Draft {
  const { drafts } = useStore()
  return useSyncExternalStore(drafts.subscribe, () => drafts.get(chatId))
}

export function useHasDraft(chatId: string): boolean {
  const { drafts } = useStore()
  return useSyncExternalStore(drafts.subscribe, () => drafts.has(chatId))
}

/** A message that another one replies to. Undefined: not known yet. Null: not to be had. */
export function useQuoted(chatId: string, id: string | null): Message | null | undefined {
  const store = useStore()
  const here = useView(view => id && view.windows.get(chatId)?.items.find(message => message.id === id))
  const fetched = useView(view => (id ? view.quotes.get(id) : null))
  const message = here || fetched
  useEffect(() => {
    if (id && message === undefined) store.messages.requestQuote(chatId, id)
  }, [store, message, chatId, id])
  return message
}

/** What a chat is called, once those whose names it bears are known. */
export function useChatTitle(item: ChatItem): string {
  const store = useStore()
  const me = useMe()
  const title = useView(view => chatTitle(item, me.id, view.data?.users ?? NOBODY))
  const unknown = title.includes(UNKNOWN)
  useEffect(() => {
    if (unknown) for (const id of item.chat.member_ids) store.people.want(id)
  }, [store, item, unknown])
  return title
}

const NOBODY: ReadonlyMap<string, User> = new Map()

const phone = matchMedia('(max-width: 720px)')

/** Whether there is room for the list or a chat, but not for both. */
export function usePhone(): boolean {
  return useSyncExternalStore(
    listener => {
      phone.addEventListener('change', listener)
      return () => phone.removeEventListener('change', listener)
    },
    () => phone.matches,
  )
}

/** Whoever writes by thumb: Enter is the key for a new line, and the focus opens a keyboard over what one reads. */
export const TOUCH = matchMedia('(pointer: coarse)')

/** Cmd on a Mac, Ctrl elsewhere. */
export function isMod(event: { metaKey: boolean; ctrlKey: boolean }): boolean {
  return MAC ? event.metaKey : event.ctrlKey
}

export const MAC = /Mac|iPhone|iPad/.test(navigator.platform)

function isLookedAt(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus()
}

/** Whether somebody is likely to be looking at the page. */
export function useLooking(): boolean {
  const [looking, setLooking] = useState(isLookedAt)
  useEffect(() => {
    const update = () => setLooking(isLookedAt())
    addEventListener('focus', update)
    addEventListener('blur', update)
    document.addEventListener('visibilitychange', update)
    return () => {
      removeEventListener('focus', update)
      removeEventListener('blur', update)
      document.removeEventListener('visibilitychange', update)
    }
  }, [])
  return looking
}
