// The service worker: opens the page while the server is away, and shows pushed notifications. It
// keeps the files of the client alone, which are the same for everyone, and nothing of an account.
//
// The invariant: a server that answers is asked for the page, so an old client never meets a newer
// server.

/** The build writes both: the files of this version, and its name. */
const FILES = __FILES__
const PREFIX = 'parlor-shell-'
const SHELL = PREFIX + __VERSION__
/** The version before is kept: a tab that it opened may still ask for a part of it. */
const VERSIONS_MAX = 2
/** A proxy says so for a server that is away. */
const AWAY = [502, 503, 504]

self.addEventListener('install', event => {
  self.skipWaiting()
  event.waitUntil(
    caches.open(SHELL).then(shell => {
      const fresh = path => new Request(path, { cache: path.startsWith('/assets/') ? 'default' : 'no-cache' })
      return shell.addAll(FILES.map(fresh))
    }),
  )
})

self.addEventListener('activate', event => {
  event.waitUntil(
    (async () => {
      await self.registration.navigationPreload?.enable()
      const versions = (await caches.keys()).filter(name => name.startsWith(PREFIX))
      await Promise.all(versions.slice(0, -VERSIONS_MAX).map(name => caches.delete(name)))
      await self.clients.claim()
    })(),
  )
})

self.addEventListener('fetch', event => {
  const { request } = event
  const { origin, pathname } = new URL(request.url)
  if (request.method !== 'GET' || origin !== location.origin || pathname.startsWith('/api')) return
  if (request.mode === 'navigate') event.respondWith(page(event))
  else if (pathname.startsWith('/assets/')) event.respondWith(asset(request))
  else if (FILES.includes(pathname)) event.respondWith(fetch(request).catch(error => kept(request, error)))
})

async function page(event) {
  const shell = await caches.open(SHELL)
  try {
    const response = (await event.preloadResponse) ?? (await fetch(event.request))
    return AWAY.includes(response.status) ? ((await shell.match('/', { ignoreVary: true })) ?? response) : response
  } catch (error) {
    const response = await shell.match('/', { ignoreVary: true })
    if (response) return response
    throw error
  }
}

/** Their names have a hash: what is kept is right, whatever headers it depends on. */
async function asset(request) {
  return (await caches.match(request, { ignoreVary: true })) ?? fetch(request)
}

async function kept(request, error) {
  const response = await caches.match(request, { ignoreVary: true })
  if (response) return response
  throw error
}

/** A push is `{title, body, tag, url}`. */
self.addEventListener('push', event => {
  const { title = 'Parlor', body = '', tag = '', url = '/' } = pushed(event.data)
  event.waitUntil(self.registration.showNotification(title, { body, tag, icon: '/icon-192.png', data: { url } }))
})

function pushed(data) {
  try {
    return data.json()
  } catch {
    return {}
  }
}

self.addEventListener('notificationclick', event => {
  event.notification.close()
  event.waitUntil(openPage(event.notification.data?.url ?? '/'))
})

async function openPage(url) {
  const { origin, pathname, search, hash } = new URL(url, location.origin)
  if (origin !== location.origin) return
  const path = pathname + search + hash
  const [open] = await self.clients.matchAll({ type: 'window' })
  if (!open) return self.clients.openWindow(path)
  open.postMessage({ kind: 'open', path })
  return open.focus()
}
