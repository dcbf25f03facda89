// The bar at the top of the window: the workspace, the way to anywhere, and oneself.
import { Search } from 'lucide-react'
import { useState } from 'react'
import { useTexts } from '../texts'
import { MAC } from './hooks'
import { MeMenu } from './MeMenu'
import { LandmarkContext } from './Menu'
import type { Overlay } from './Overlays'
import { WorkspaceMenu } from './WorkspaceMenu'

export function TopBar({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const [landmark, setLandmark] = useState<HTMLElement | null>(null)
  return (
    <header className="top-bar" ref={setLandmark}>
      <LandmarkContext value={landmark}>
        <WorkspaceMenu onOverlay={onOverlay} />
        <button type="button" className="top-search" onClick={() => onOverlay('switcher')}>
          <Search aria-hidden="true" />
          <span>{t.goTo}</span>
          <kbd>{MAC ? '⌘' : `${t.keyCaps.Ctrl} `}K</kbd>
        </button>
        <MeMenu onOverlay={onOverlay} />
      </LandmarkContext>
    </header>
  )
}
