// Where one is, as the address says it.
import { useSyncExternalStore } from 'react'

export type Route =
  | { page: 'home' }
  | { page: 'signin' | 'signup'; invite: string | null }
  | { page: 'chat'; chatId: string; seq: number | undefined }

export function parseRoute(path: string, search: string): Route {
  const [first, second, third] = path.split('/').filter(Boolean)
  if (first === 'signin' || first === 'signup')
    return { page: first, invite: new URLSearchParams(search).get('invite') }
  if (first === 'c' && second) {
    const seq = Number(third)
    return { page: 'chat', chatId: second, seq: Number.isInteger(seq) && seq > 0 ? seq : undefined }
  }
  return { page: 'home' }
}

/** The path of the page to sign in or up; it carries the invitation along. */
export function signInPath(page: 'signin' | 'signup', invite: string | null): string {
  return `/${page}${invite ? `?invite=${encodeURIComponent(invite)}` : ''}`
}

/** Where a link to one of our own chats and messages leads; undefined for any other. */
export function chatPath(href: string | undefined, origin = location.origin): string | undefined {
  if (!href?.startsWith(`${origin}/c/`)) return undefined
  return parseRoute(href.slice(origin.length), '').page === 'chat' ? href.slice(origin.length) : undefined
}

const MOVED = 'parlor-moved'

/** How often one was sent somewhere: to the same place again is a way too, for who has moved on from it by scrolling. */
let visits = 0

export function go(path: string, replace = false): void {
  visits++
  if (path !== location.pathname + location.search) history[replace ? 'replaceState' : 'pushState'](null, '', path)
  dispatchEvent(new CustomEvent(MOVED))
}

function subscribe(listener: () => void): () => void {
  addEventListener('popstate', listener)
  addEventListener(MOVED, listener)
  return () => {
    removeEventListener('popstate', listener)
    removeEventListener(MOVED, listener)
  }
}

export function useRoute(): Route {
  const address = useSyncExternalStore(subscribe, () => `${location.pathname}\n${location.search}`)
  const [path = '/', search = ''] = address.split('\n')
  return parseRoute(path, search)
}

export function useVisit(): number {
  return useSyncExternalStore(subscribe, () => visits)
}
