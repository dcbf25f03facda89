// The list of chats, with the menus of the workspace and of the user.
import {
  ChevronDown,
  Compass,
  Keyboard,
  LogOut,
  Monitor,
  Moon,
  Pencil,
  Plus,
  Search,
  Settings,
  Sun,
  UserPlus,
} from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { memo, useMemo, useState } from 'react'
import { unwrap } from '../api/client'
import type { ChatItem } from '../api/types'
import { conversationKey } from '../store/conversation'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { ChatIcon } from './ChatIcon'
import { byActivity, isChannel } from './chats'
import { MAC, useChatTitle, useHasDraft, useMe, usePhone, useSession, useStore, useView } from './hooks'
import { IconButton } from './IconButton'
import { onListKeys } from './keyboard'
import { LandmarkContext, MenuContent } from './Menu'
import type { Overlay } from './Overlays'
import { chatPath, openChat } from './route'
import { setTheme, type Theme, useTheme } from './theme'
import { UnreadBadge } from './UnreadBadge'

interface SidebarProps {
  chatId: string | null
  onOverlay: (overlay: Overlay) => void
}

export function Sidebar({ chatId, onOverlay }: SidebarProps) {
  const t = useTexts()
  const chats = useView(view => view.data?.chats)
  const { channels, people } = useMemo(() => {
    const all = chats ? byActivity(chats) : []
    return { channels: all.filter(isChannel), people: all.filter(item => !isChannel(item)) }
  }, [chats])
  const workspace = useView(view => view.data?.workspace.name)
  // The list is one tab stop; arrow keys move within it.
  const tabStop = chatId !== null && chats?.has(chatId) ? chatId : (channels[0] ?? people[0])?.chat.id
  const alone = usePhone() && chatId === null
  const [landmark, setLandmark] = useState<HTMLElement | null>(null)
  const Landmark = alone ? 'main' : 'aside'
  return (
    <Landmark className="sidebar" aria-label={t.chats} ref={setLandmark}>
      <LandmarkContext value={landmark}>
        {alone && <h1 className="visually-hidden">{workspace}</h1>}
        <header className="sidebar-head">
          <WorkspaceMenu onOverlay={onOverlay} />
          <IconButton label={t.newChat} onClick={() => onOverlay('new')}>
            <Plus />
          </IconButton>
        </header>
        <button type="button" className="sidebar-search" onClick={() => onOverlay('switcher')}>
          <Search aria-hidden="true" />
          <span>{t.goTo}</span>
          <kbd>{MAC ? '⌘' : `${t.keyCaps.Ctrl} `}K</kbd>
        </button>
        <nav className="sidebar-scroll" aria-label={t.chats} onKeyDown={onListKeys}>
          <Section title={t.channels} items={channels} chatId={chatId} tabStop={tabStop}>
            <IconButton label={t.browseChannels} className="icon-button-s" onClick={() => onOverlay('browse')}>
              <Compass />
            </IconButton>
          </Section>
          <Section title={t.people} items={people} chatId={chatId} tabStop={tabStop}>
            <IconButton label={t.invitePeople} className="icon-button-s" onClick={() => onOverlay('invite')}>
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
  tabStop: string | undefined
  children: React.ReactNode
}

function Section({ title, items, chatId, tabStop, children }: SectionProps) {
  const t = useTexts()
  return (
    <section className="sidebar-section">
      <div className="sidebar-section-head">
        <h2>{title}</h2>
        {children}
      </div>
      {items.length === 0 ? (
        <p className="sidebar-none">{t.nothingYet}</p>
      ) : (
        <ul>
          {items.map(item => (
            <ChatEntry
              key={item.chat.id}
              item={item}
              current={item.chat.id === chatId}
              tabStop={item.chat.id === tabStop}
            />
          ))}
        </ul>
      )}
    </section>
  )
}

interface ChatEntryProps {
  item: ChatItem
  current: boolean
  tabStop: boolean
}

const ChatEntry = memo(function ChatEntry({ item, current, tabStop }: ChatEntryProps) {
  const t = useTexts()
  const title = useChatTitle(item)
  const drafted = useHasDraft(conversationKey(item.chat.id)) && !current
  const unread = current && document.hasFocus() ? 0 : item.unread_count
  return (
    <li>
      <a
        href={chatPath({ chatId: item.chat.id })}
        className="entry"
        aria-current={current ? 'page' : undefined}
        tabIndex={tabStop ? 0 : -1}
        data-unread={unread > 0 || undefined}
        onClick={event => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return
          event.preventDefault()
          openChat({ chatId: item.chat.id })
        }}
      >
        <ChatIcon item={item} />
        <span className="entry-title" dir="auto">
          {title}
        </span>
        {drafted && (
          <span className="entry-draft" title={t.draft}>
            <Pencil aria-hidden="true" />
            <span className="visually-hidden">{t.draft}</span>
          </span>
        )}
        {unread > 0 && <UnreadBadge count={unread} />}
      </a>
    </li>
  )
})

function WorkspaceMenu({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const session = useSession()
  const store = useStore()
  const workspace = useView(view => view.data?.workspace)
  const others = session.info?.workspaces.filter(other => other.id !== workspace?.id) ?? []
  const switchTo = async (id: string) => {
    session.switched(await unwrap(store.api.POST('/api/workspaces/{id}/token', { params: { path: { id } } })))
  }
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="workspace-button">
        <span dir="auto">{workspace?.name}</span>
        <ChevronDown aria-hidden="true" />
      </DropdownMenu.Trigger>
      <MenuContent align="start" sideOffset={4}>
        <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('invite')}>
          <UserPlus /> {t.invitePeople}
        </DropdownMenu.Item>
        <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('browse')}>
          <Compass /> {t.browseChannels}
        </DropdownMenu.Item>
        {others.length > 0 && (
          <>
            <DropdownMenu.Separator className="menu-line" />
            <DropdownMenu.Label className="menu-label">{t.switchTo}</DropdownMenu.Label>
            {others.map(other => (
              <DropdownMenu.Item key={other.id} className="menu-item" onSelect={() => void switchTo(other.id)}>
                <bdi>{other.name}</bdi>
              </DropdownMenu.Item>
            ))}
          </>
        )}
        <DropdownMenu.Separator className="menu-line" />
        <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('workspace')}>
          <Plus /> {t.makeWorkspaceTitle}
        </DropdownMenu.Item>
      </MenuContent>
    </DropdownMenu.Root>
  )
}

const THEMES: { value: Theme; label: 'themeSystem' | 'themeLight' | 'themeDark'; Icon: typeof Sun }[] = [
  { value: 'system', label: 'themeSystem', Icon: Monitor },
  { value: 'light', label: 'themeLight', Icon: Sun },
  { value: 'dark', label: 'themeDark', Icon: Moon },
]

function MeMenu({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const me = useMe()
  const session = useSession()
  const theme = useTheme()
  return (
    <footer className="sidebar-foot">
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger className="me-button">
          <Avatar userId={me.id} size="m" />
          <span className="me-name" dir="auto">
            {me.fullname}
          </span>
          <ChevronDown aria-hidden="true" />
        </DropdownMenu.Trigger>
        <MenuContent side="top" align="start" sideOffset={6}>
          <DropdownMenu.Label className="menu-label">{t.appearance}</DropdownMenu.Label>
          <DropdownMenu.RadioGroup value={theme} onValueChange={value => setTheme(value as Theme)}>
            {THEMES.map(({ value, label, Icon }) => (
              <DropdownMenu.RadioItem key={value} value={value} className="menu-item">
                <Icon /> {t[label]}
              </DropdownMenu.RadioItem>
            ))}
          </DropdownMenu.RadioGroup>
          <DropdownMenu.Separator className="menu-line" />
          <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('settings')}>
            <Settings /> {t.settings}
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('shortcuts')}>
            <Keyboard /> {t.shortcuts}
          </DropdownMenu.Item>
          <DropdownMenu.Item className="menu-item" onSelect={() => session.signOut()}>
            <LogOut /> {t.signOut}
          </DropdownMenu.Item>
        </MenuContent>
      </DropdownMenu.Root>
    </footer>
  )
}
