import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '@fontsource-variable/inter/index.css'
import './styles.css'
import { Session } from './store/session'
import { App } from './ui/App'
import { applyTheme } from './ui/theme'

applyTheme()
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App session={new Session()} />
    </StrictMode>,
  )
}
