// The rail at the edge of a wide window: workspaces and places.
import { House, Plus } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTexts } from '../texts'
import { useView } from './hooks'
import { IconButton } from './IconButton'
import { Link } from './Link'
import type { Overlay } from './Overlays'
import { PlaceNews } from './PlaceNews'
import { PLACES } from './places'
import { homePath, placePath, type Route } from './route'
import { WorkspaceUnread } from './WorkspaceUnread'
import { useWorkspaces } from './workspaces'

export function Rail({ route, onOverlay }: { route: Route; onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const all = useWorkspaces()
  const here = useView(view => view.data?.workspace.id)
  const entries = (where: 'top' | 'bottom') =>
    Object.entries(PLACES)
      .filter(([, { rail }]) => rail === where)
      .map(([name, { label, Icon, news }]) => (
        <RailLink key={name} to={placePath(name)} label={label(t)} current={isAt(route, name)}>
          <Icon aria-hidden="true" />
          <PlaceNews news={news} />
        </RailLink>
      ))
  return (
    <nav className="rail" aria-label={t.places}>
      <ul className="rail-workspaces" aria-label={t.workspaces}>
        {all.map(({ id, name, unread, mentions }) => (
          <li key={id}>
            <a href={homePath(id)} className="rail-workspace" title={name} aria-current={id === here || undefined}>
              <span aria-hidden="true">{initialOf(name)}</span>
              <span className="visually-hidden">{name}</span>
              {id !== here && <WorkspaceUnread unread={unread} mentions={mentions} />}
            </a>
          </li>
        ))}
        <li>
          <IconButton label={t.makeWorkspaceTitle} className="rail-add" onClick={() => onOverlay('workspace')}>
            <Plus />
          </IconButton>
        </li>
      </ul>
      <RailLink to={homePath()} label={t.home} current={isAt(route, null)}>
        <House aria-hidden="true" />
      </RailLink>
      {entries('top')}
      <span className="rail-space" />
      {entries('bottom')}
    </nav>
  )
}

/** Whether the route is in the place; null for the chats. */
export function isAt(route: Route, place: string | null): boolean {
  return route.page === 'place' ? route.place === place : place === null
}

interface RailLinkProps {
  to: string
  label: string
  current: boolean
  children: ReactNode
}

function RailLink({ to, label, current, children }: RailLinkProps) {
  return (
    <Link to={to} className="rail-link" aria-current={current ? 'page' : undefined}>
      {children}
      <span>{label}</span>
    </Link>
  )
}

function initialOf(name: string): string {
  return ([...name.trim()][0] ?? '?').toUpperCase()
}
