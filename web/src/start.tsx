// Draws the window. A chunk of its own: main.ts asks the server meanwhile.
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { registerServiceWorker } from './serviceWorker'
import type { Early } from './store/early'
import type { Session } from './store/session'
import { loadLanguage } from './texts'
import { App } from './ui/App'
import { followAppearance } from './ui/appearance'
import { ErrorBoundary } from './ui/ErrorBoundary'
import { followCompositions } from './ui/ime'
import { followHistory } from './ui/route'

const RELOADED_KEY = 'parlor.reloaded_at'
const RELOAD_AGAIN_MS = 60_000

followAppearance()
followHistory()
followCompositions()
registerServiceWorker()
// A chunk is missing after a new version was deployed: the reloaded page has the new names.
addEventListener('vite:preloadError', event => {
  // Not in a loop, and not while offline. Then the missing part of the window shows the error.
  if (!navigator.onLine || !mayReload()) return
  event.preventDefault()
  location.reload()
})
await loadLanguage()

/** Not if it cannot be remembered that the page was reloaded. */
function mayReload(): boolean {
  try {
    if (Date.now() - Number(sessionStorage.getItem(RELOADED_KEY) ?? 0) < RELOAD_AGAIN_MS) return false
    sessionStorage.setItem(RELOADED_KEY, String(Date.now()))
    return true
  } catch {
    return false
  }
}

export function start(session: Session, early: Early): void {
  // While the server answers, the device has time to read the code of a chat.
  if (early.opened) import('./ui/ChatPane').catch(() => undefined)
  const root = document.getElementById('root')
  if (!root) return
  createRoot(root).render(
    <StrictMode>
      <ErrorBoundary>
        <App session={session} early={early} />
      </ErrorBoundary>
    </StrictMode>,
  )
}
