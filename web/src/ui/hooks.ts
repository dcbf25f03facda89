import { createContext, useContext, useEffect, useSyncExternalStore } from 'react'
import type { ChatItem, User } from '../api/types'
import type { Session } from '../store/session'
import type { Store, View } from '../store/store'

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
  return useSyncExternalStore(store.subscribe, () => select(store.get()))
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
    if (id && !user) store.want(id)
  }, [store, id, user])
  return user
}

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

/** Cmd on a Mac, Ctrl elsewhere. */
export function isMod(event: { metaKey: boolean; ctrlKey: boolean }): boolean {
  return MAC ? event.metaKey : event.ctrlKey
}

export const MAC = /Mac|iPhone|iPad/.test(navigator.platform)
