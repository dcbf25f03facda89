// The frame of a panel: its head with the title and the button that closes it.
import { X } from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { usePhone } from './hooks'
import { IconButton } from './IconButton'
import { LandmarkContext } from './Menu'
import { closePanel } from './route'

interface PanelProps {
  title: string
  /** What the button that closes it says. */
  closeLabel: string
  /** Buttons of the head. */
  actions?: ReactNode
  children: ReactNode
}

export function Panel({ title, closeLabel, actions, children }: PanelProps) {
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
