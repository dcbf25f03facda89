// The dialogs of the window. A chunk of its own, because reading and writing need none of them.
import { InvitePeople } from './dialogs/InvitePeople'
import { NewChat } from './dialogs/NewChat'
import { NewWorkspace } from './dialogs/NewWorkspace'
import { QuickSwitcher } from './QuickSwitcher'
import { Shortcuts } from './Shortcuts'

export type Overlay = 'switcher' | 'new' | 'new-direct' | 'invite' | 'shortcuts' | 'workspace'

interface OverlaysProps {
  overlay: Overlay
  onOverlay: (overlay: Overlay | null) => void
  onChat: (id: string) => void
}

export function Overlays({ overlay, onOverlay, onChat }: OverlaysProps) {
  const close = () => onOverlay(null)
  switch (overlay) {
    case 'switcher':
      return <QuickSwitcher onClose={close} onChat={onChat} />
    case 'new':
      return <NewChat first="public_channel" onClose={close} onChat={onChat} />
    case 'new-direct':
      return <NewChat first="single" onClose={close} onChat={onChat} />
    case 'invite':
      return <InvitePeople onClose={close} />
    case 'workspace':
      return <NewWorkspace onClose={close} />
    case 'shortcuts':
      return <Shortcuts onClose={close} />
  }
}
