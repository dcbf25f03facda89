import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '@fontsource-variable/inter/index.css'
import './styles/index.css'
import { registerServiceWorker } from './serviceWorker'
import { Session } from './store/session'
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

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <ErrorBoundary>
        <App session={new Session()} />
      </ErrorBoundary>
    </StrictMode>,
  )
}
