// The frame of a panel: its head with the title and the button that closes it.
import { X } from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import type { ChatItem } from '../api/types'
import { usePhone } from './hooks'
import { IconButton } from './IconButton'
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
  const phone = usePhone()
  // On a phone it is a page of its own.
  useEffect(() => {
    if (phone) heading.current?.focus()
  }, [phone])
  return (
    <aside className="panel" aria-label={title} ref={setLandmark}>
      <LandmarkContext value={landmark}>
        <header className="panel-head">
          <h2 ref={heading} tabIndex={-1}>
            {title}
          </h2>
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
