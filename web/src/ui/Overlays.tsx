// The dialogs of the window. A chunk of its own, because reading and writing need none of them.
import { BrowseChannels } from './dialogs/BrowseChannels'
import { InvitePeople } from './dialogs/InvitePeople'
import { NewChat } from './dialogs/NewChat'
import { NewWorkspace } from './dialogs/NewWorkspace'
import { QuickSwitcher } from './QuickSwitcher'
import { Settings } from './Settings'
import { Shortcuts } from './Shortcuts'

export type Overlay = 'switcher' | 'new' | 'browse' | 'invite' | 'shortcuts' | 'settings' | 'workspace'

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
      return <NewChat onClose={close} onChat={onChat} />
    case 'browse':
      return <BrowseChannels onClose={close} onChat={onChat} onNew={() => onOverlay('new')} />
    case 'invite':
      return <InvitePeople onClose={close} />
    case 'workspace':
      return <NewWorkspace onClose={close} />
    case 'settings':
      return <Settings onClose={close} />
    case 'shortcuts':
      return <Shortcuts onClose={close} />
  }
}
