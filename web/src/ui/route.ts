// The routes of the client: parsing the address, and navigation.
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

/** The path of a link to a chat or message of this server; undefined for any other link. */
export function chatPath(href: string | undefined, origin = location.origin): string | undefined {
  if (!href?.startsWith(`${origin}/c/`)) return undefined
  return parseRoute(href.slice(origin.length), '').page === 'chat' ? href.slice(origin.length) : undefined
}

const MOVED = 'parlor-moved'

/**
 * Counts navigations. Navigating to the same message again counts too: the user may have scrolled
 * away from it.
 */
let navigations = 0

export function go(path: string, replace = false): void {
  navigations++
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

export function useNavigationCount(): number {
  return useSyncExternalStore(subscribe, () => navigations)
}
