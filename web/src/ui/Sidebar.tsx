import {
  ChevronDown,
  Compass,
  Keyboard,
  LogOut,
  Monitor,
  Moon,
  Plus,
  Search,
  Settings,
  Sun,
  UserPlus,
} from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { memo, useEffect, useMemo, useState } from 'react'
import { answer } from '../api/client'
import type { ChatItem } from '../api/types'
import { Avatar, ChatIcon, IconButton, LandmarkContext, MenuContent } from './bits'
import { MAC, useMe, usePhone, useSession, useStore, useView } from './hooks'
import { byActivity, chatTitle } from './names'
import { go } from './route'
import { setTheme, type Theme, theme } from './theme'
import type { Overlay } from './Workspace'

interface SidebarProps {
  chatId: string | null
  onOverlay: (overlay: Overlay) => void
}

export function Sidebar({ chatId, onOverlay }: SidebarProps) {
  const data = useView(view => view.data)
  const { channels, people } = useMemo(() => {
    const all = data ? byActivity(data) : []
    const isChannel = (item: ChatItem) => item.chat.kind === 'public_channel' || item.chat.kind === 'private_channel'
    return { channels: all.filter(isChannel), people: all.filter(item => !isChannel(item)) }
    // Only the chats decide the order: names that come in later are drawn by the entries themselves.
  }, [data])
  const workspace = useView(view => view.data?.workspace.name)
  const alone = usePhone() && chatId === null
  const [landmark, setLandmark] = useState<HTMLElement | null>(null)
  const Landmark = alone ? 'main' : 'aside'
  return (
    <Landmark className="sidebar" aria-label="Chats" ref={setLandmark}>
      <LandmarkContext value={landmark}>
        {alone && <h1 className="visually-hidden">{workspace}</h1>}
        <header className="sidebar-head">
          <WorkspaceMenu onOverlay={onOverlay} />
          <IconButton label="New chat" onClick={() => onOverlay('new')}>
            <Plus />
          </IconButton>
        </header>
        <button type="button" className="sidebar-search" onClick={() => onOverlay('switcher')}>
          <Search aria-hidden="true" />
          <span>Go to …</span>
          <kbd>{MAC ? '⌘' : 'Ctrl '}K</kbd>
        </button>
        <nav className="sidebar-scroll" aria-label="Chats">
          <Section title="Channels" items={channels} chatId={chatId}>
            <IconButton label="Browse channels" className="icon-button-s" onClick={() => onOverlay('browse')}>
              <Compass />
            </IconButton>
          </Section>
          <Section title="People" items={people} chatId={chatId}>
            <IconButton label="Invite people" className="icon-button-s" onClick={() => onOverlay('invite')}>
              <UserPlus />
            </IconButton>
          </Section>
        </nav>
        <MeMenu onOverlay={onOverlay} />
      </LandmarkContext>
    </Landmark>
  )
}

interface SectionProps {
  title: string
  items: ChatItem[]
  chatId: string | null
  children: React.ReactNode
}

function Section({ title, items, chatId, children }: SectionProps) {
  return (
    <section className="sidebar-section">
      <div className="sidebar-section-head">
        <h2>{title}</h2>
        {children}
      </div>
      {items.length === 0 ? (
        <p className="sidebar-none">Nothing here yet</p>
      ) : (
        <ul>
          {items.map(item => (
            <Entry key={item.chat.id} item={item} current={item.chat.id === chatId} />
          ))}
        </ul>
      )}
    </section>
  )
}

const Entry = memo(function Entry({ item, current }: { item: ChatItem; current: boolean }) {
  const me = useMe()
  const title = useView(view => chatTitle(item, me.id, view.data?.users ?? new Map()))
  const unread = current && document.hasFocus() ? 0 : item.unread_count
  return (
    <li>
      <a
        href={`/c/${item.chat.id}`}
        className="entry"
        aria-current={current ? 'page' : undefined}
        data-unread={unread > 0 || undefined}
        onClick={event => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return
          event.preventDefault()
          go(`/c/${item.chat.id}`)
        }}
      >
        <ChatIcon item={item} />
        <span className="entry-title">{title}</span>
        {unread > 0 && (
          <span className="badge">
            {unread > 99 ? '99+' : unread}
            <span className="visually-hidden"> unread</span>
          </span>
        )}
      </a>
    </li>
  )
})

function WorkspaceMenu({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const session = useSession()
  const store = useStore()
  const workspace = useView(view => view.data?.workspace)
  const others = session.info?.workspaces.filter(other => other.id !== workspace?.id) ?? []
  const change = async (id: string) => {
    session.switched(await answer(store.api.POST('/api/workspaces/{id}/token', { params: { path: { id } } })))
  }
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="workspace-button">
        <span>{workspace?.name}</span>
        <ChevronDown aria-hidden="true" />
      </DropdownMenu.Trigger>
      <MenuContent align="start" sideOffset={4}>
        <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('invite')}>
          <UserPlus /> Invite people
        </DropdownMenu.Item>
        <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('browse')}>
          <Compass /> Browse channels
        </DropdownMenu.Item>
        {others.length > 0 && (
          <>
            <DropdownMenu.Separator className="menu-line" />
            <DropdownMenu.Label className="menu-label">Switch to</DropdownMenu.Label>
            {others.map(other => (
              <DropdownMenu.Item key={other.id} className="menu-item" onSelect={() => void change(other.id)}>
                {other.name}
              </DropdownMenu.Item>
            ))}
          </>
        )}
      </MenuContent>
    </DropdownMenu.Root>
  )
}

const THEMES: { value: Theme; label: string; Icon: typeof Sun }[] = [
  { value: 'system', label: 'As the system', Icon: Monitor },
  { value: 'light', label: 'Light', Icon: Sun },
  { value: 'dark', label: 'Dark', Icon: Moon },
]

function MeMenu({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const me = useMe()
  const session = useSession()
  const [chosen, choose] = useState(theme)
  useEffect(() => setTheme(chosen), [chosen])
  return (
    <footer className="sidebar-foot">
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger className="me-button">
          <Avatar userId={me.id} size="m" />
          <span className="me-name">{me.fullname}</span>
          <ChevronDown aria-hidden="true" />
        </DropdownMenu.Trigger>
        <MenuContent side="top" align="start" sideOffset={6}>
          <DropdownMenu.Label className="menu-label">Appearance</DropdownMenu.Label>
          <DropdownMenu.RadioGroup value={chosen} onValueChange={value => choose(value as Theme)}>
            {THEMES.map(({ value, label, Icon }) => (
              <DropdownMenu.RadioItem key={value} value={value} className="menu-item">
                <Icon /> {label}
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('settings')}>
            <Settings /> Settings
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('shortcuts')}>
            <Keyboard /> Keyboard shortcuts
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => void session.signOut()}>
            <LogOut /> Sign out
          </DropdownMenu.Item>
        </MenuContent>
      </DropdownMenu.Root>
    </footer>
  )
}
