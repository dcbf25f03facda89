// Registers the service worker (worker/sw.js), and follows its notifications.
import { go } from './ui/route'

/** The worker fetches the files of the client: late, so that they do not keep the first chat waiting. */
const AFTER_LOAD_MS = 8000

export function registerServiceWorker(): void {
  // Not on pages that are not served securely.
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return
  const register = () =>
    setTimeout(() => navigator.serviceWorker.register('/sw.js').catch(() => undefined), AFTER_LOAD_MS)
  if (document.readyState === 'complete') register()
  else addEventListener('load', register, { once: true })
  navigator.serviceWorker.addEventListener('message', ({ data }) => {
    if (data?.kind === 'open') go(data.path)
  })
}
