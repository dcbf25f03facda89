import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '@fontsource-variable/inter/index.css'
import './styles.css'
import { Session } from './store/session'
import { loadLanguage } from './texts'
import { App } from './ui/App'
import { applyTheme } from './ui/theme'

applyTheme()
// A chunk that is gone since the client was built anew: the new page has the new names.
addEventListener('vite:preloadError', () => location.reload())
await loadLanguage()
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App session={new Session()} />
    </StrictMode>,
  )
}
