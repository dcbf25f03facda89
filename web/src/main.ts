// The entry. Small, so that the server is asked before the rest has come.
import '@fontsource-variable/inter/index.css'
import './styles/index.css'
import { askEarly, workspaceIn } from './store/early'
import { Session } from './store/session'

const session = new Session(workspaceIn(location.pathname))
const early = askEarly(session, location.pathname)
const { start } = await import('./start')
start(session, early)
