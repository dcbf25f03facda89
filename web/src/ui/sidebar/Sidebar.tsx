// The list of chats.
import { Compass, Plus, UserPlus } from 'lucide-react'
import { lazy, type ReactNode, Suspense, useRef, useState } from 'react'
import { useTexts } from '../../texts'
import { useMe, usePhone, useView } from '../hooks'
import { IconButton } from '../IconButton'
import { onListKeys } from '../keyboard'
import { Link } from '../Link'
import { LandmarkContext } from '../Menu'
import type { Overlay } from '../Overlays'
import { isAdmin } from '../roles'
import { placePath } from '../route'
import { Section } from './Section'
import { Splitter } from './Splitter'
import { inOrder, SECTIONS, type SectionName } from './sections'
import { UnreadPills } from './UnreadPill'
import { useArrangement } from './useArrangement'

const FirstSteps = lazy(() => import('./FirstSteps').then(module => ({ default: module.FirstSteps })))

interface SidebarProps {
  chatId: string | null
  /** Whether it is the page, on a phone. */
  alone: boolean
  onOverlay: (overlay: Overlay) => void
}

export function Sidebar({ chatId, alone, onOverlay }: SidebarProps) {
  const t = useTexts()
  const workspace = useView(view => view.data?.workspace.name)
  const { arrangement, hold } = useArrangement()
  const all = inOrder(arrangement)
  // The list is one tab stop; arrow keys move within it.
  const tabStop = chatId !== null && all.includes(chatId) ? chatId : all[0]
  const isPage = usePhone() && alone
  const [landmark, setLandmark] = useState<HTMLElement | null>(null)
  const scroller = useRef<HTMLDivElement>(null)
  const Landmark = isPage ? 'main' : 'aside'
  const extras = useExtras(onOverlay)
  return (
    <Landmark className="sidebar" aria-label={t.chats} ref={setLandmark} {...hold}>
      <LandmarkContext value={landmark}>
        {isPage && <h1 className="visually-hidden">{workspace}</h1>}
        <div className="sidebar-scroll" ref={scroller}>
          <nav aria-label={t.chats} onKeyDown={onListKeys}>
            {(Object.keys(SECTIONS) as SectionName[]).map(
              name =>
                (arrangement[name].length > 0 || extras[name]) && (
                  <Section
                    key={name}
                    name={name}
                    title={SECTIONS[name].title(t)}
                    ids={arrangement[name]}
                    chatId={chatId}
                    tabStop={tabStop}
                    actions={extras[name]?.actions}
                  >
                    {extras[name]?.foot}
                  </Section>
                ),
            )}
          </nav>
          <Suspense>
            <FirstSteps onOverlay={onOverlay} />
          </Suspense>
        </div>
        <UnreadPills scroller={scroller} rows={arrangement} />
        <Splitter />
      </LandmarkContext>
    </Landmark>
  )
}

/** What a section has beside its chats. Such a section is shown even without chats. */
function useExtras(
  onOverlay: (overlay: Overlay) => void,
): Partial<Record<SectionName, { actions: ReactNode; foot: ReactNode }>> {
  const t = useTexts()
  const me = useMe()
  return {
    channels: {
      actions: (
        <IconButton label={t.createChannel} className="icon-button-s" onClick={() => onOverlay('new')}>
          <Plus />
        </IconButton>
      ),
      foot: (
        <Link to={placePath('channels')} className="entry entry-action">
          <Compass aria-hidden="true" />
          <span className="entry-title">{t.browseChannels}</span>
        </Link>
      ),
    },
    direct: {
      actions: (
        <IconButton label={t.newMessage} className="icon-button-s" onClick={() => onOverlay('new-direct')}>
          <Plus />
        </IconButton>
      ),
      foot: isAdmin(me) && (
        <button type="button" className="entry entry-action" onClick={() => onOverlay('invite')}>
          <UserPlus aria-hidden="true" />
          <span className="entry-title">{t.invitePeople}</span>
        </button>
      ),
    },
  }
}
