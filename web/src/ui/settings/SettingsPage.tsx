// The settings: a menu of pages, and the open one. On a phone the menu is a page of its own.
import {
  ArrowLeft,
  Bell,
  Building2,
  LogOut,
  type LucideIcon,
  MonitorSmartphone,
  Palette,
  UserRound,
} from 'lucide-react'
import type { ComponentType } from 'react'
import type { User } from '../../api/types'
import { useTexts } from '../../texts'
import type { Texts } from '../../texts/en'
import { Avatar } from '../Avatar'
import { useMe, usePhone, useSession, useView } from '../hooks'
import { IconButton } from '../IconButton'
import { onListKeys } from '../keyboard'
import { Link } from '../Link'
import type { PlaceProps } from '../place'
import { isAdmin } from '../roles'
import { goUp, placePath } from '../route'
import { AccountPage } from './AccountPage'
import { AppearancePage } from './AppearancePage'
import { DevicesPage } from './DevicesPage'
import { NotificationsPage } from './NotificationsPage'
import { WorkspacePage } from './WorkspacePage'

interface SettingsKind {
  name: string
  label: (texts: Texts) => string
  Icon: LucideIcon
  Page: ComponentType
  /** Who is offered it; without it, everybody. */
  isFor?: (me: User) => boolean
}

const PAGES: readonly SettingsKind[] = [
  { name: 'account', label: t => t.account, Icon: UserRound, Page: AccountPage },
  { name: 'devices', label: t => t.sessions, Icon: MonitorSmartphone, Page: DevicesPage },
  { name: 'notifications', label: t => t.notifications, Icon: Bell, Page: NotificationsPage },
  { name: 'appearance', label: t => t.appearance, Icon: Palette, Page: AppearancePage },
  { name: 'workspace', label: t => t.workspace, Icon: Building2, Page: WorkspacePage, isFor: isAdmin },
]

export function SettingsPage({ argument }: PlaceProps) {
  const t = useTexts()
  const me = useMe()
  const phone = usePhone()
  const pages = PAGES.filter(({ isFor }) => !isFor || isFor(me))
  const named = pages.find(({ name }) => name === argument)
  const open = named ?? (phone ? undefined : pages[0])
  return (
    <div className="settings">
      {(!phone || !open) && <SettingsMenu pages={pages} open={open} />}
      {open && (
        <div className="page" key={open.name}>
          <header className="page-head">
            <IconButton label={t.backToSettings} className="only-phone" onClick={() => goUp(placePath('settings'))}>
              <ArrowLeft />
            </IconButton>
            <h1>{open.label(t)}</h1>
          </header>
          <div className="page-scroll">
            <div className="page-column">
              <open.Page />
            </div>
          </div>
        </div>
      )}
    </div>
  )
}

function SettingsMenu({ pages, open }: { pages: readonly SettingsKind[]; open: SettingsKind | undefined }) {
  const t = useTexts()
  const me = useMe()
  const session = useSession()
  const phone = usePhone()
  const workspace = useView(view => view.data?.workspace.name)
  const Title = open ? 'h2' : 'h1'
  return (
    <div className="settings-menu">
      <header className="page-head">
        <Title>{phone ? t.youTab : t.settings}</Title>
      </header>
      <p className="settings-me">
        <Avatar userId={me.id} size="l" />
        <span>
          <strong dir="auto">{me.fullname}</strong>
          <span dir="auto">{workspace}</span>
        </span>
      </p>
      <nav aria-label={t.settings} onKeyDown={onListKeys}>
        {pages.map(({ name, label, Icon }) => (
          <Link
            key={name}
            to={placePath('settings', name)}
            className="entry"
            aria-current={name === open?.name ? 'page' : undefined}
          >
            <Icon aria-hidden="true" />
            <span className="entry-title">{label(t)}</span>
          </Link>
        ))}
      </nav>
      <button type="button" className="entry settings-out" onClick={() => session.signOut()}>
        <LogOut aria-hidden="true" />
        <span className="entry-title">{t.signOut}</span>
      </button>
    </div>
  )
}
