// The frame of a panel: its head with the title and the button that closes it.
import { X } from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import type { ChatItem } from '../api/types'
import { OVERLAID, useMedia } from './hooks'
import { IconButton } from './IconButton'
import { isComposing } from './ime'
import { LandmarkContext } from './Menu'
import { closePanel } from './route'

/** What each panel gets. */
export interface PanelProps {
  item: ChatItem
  /** What stands behind the kind in the address. Any text, since links are input. */
  argument: string | null
}

interface FrameProps {
  title: string
  /** What the button that closes it says. */
  closeLabel: string
  /** Buttons of the head. */
  actions?: ReactNode
  children: ReactNode
}

export function Panel({ title, closeLabel, actions, children }: FrameProps) {
  const [landmark, setLandmark] = useState<HTMLElement | null>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  const overlaid = useMedia(OVERLAID)
  // What it lies over is out of reach.
  useEffect(() => {
    if (overlaid) heading.current?.focus()
  }, [overlaid])
  const Title = overlaid ? 'h1' : 'h2'
  return (
    <aside
      className="panel"
      aria-label={title}
      ref={setLandmark}
      onKeyDown={event => {
        if (event.key === 'Escape' && !event.defaultPrevented && !isComposing(event.nativeEvent)) closePanel()
      }}
    >
      <LandmarkContext value={landmark}>
        <header className="panel-head">
          <Title ref={heading} tabIndex={-1}>
            {title}
          </Title>
          {actions}
          <IconButton label={closeLabel} onClick={closePanel}>
            <X />
          </IconButton>
        </header>
        {children}
      </LandmarkContext>
    </aside>
  )
}
