// The list of chats, with the menus of the workspace and of the user.
import { Compass, Plus, Search, UserPlus } from 'lucide-react'
import { useMemo, useState } from 'react'
import { useTexts } from '../../texts'
import { byActivity, isChannel } from '../chats'
import { MAC, usePhone, useView } from '../hooks'
import { IconButton } from '../IconButton'
import { onListKeys } from '../keyboard'
import { LandmarkContext } from '../Menu'
import type { Overlay } from '../Overlays'
import { MeMenu } from './MeMenu'
import { Section } from './Section'
import { WorkspaceMenu } from './WorkspaceMenu'

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
