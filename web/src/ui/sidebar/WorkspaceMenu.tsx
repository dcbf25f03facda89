// The menu of the workspace: inviting, channels, and other workspaces.
import { ChevronDown, Compass, Plus, UserPlus } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useTexts } from '../../texts'
import { useSession, useView } from '../hooks'
import { MenuContent } from '../Menu'
import type { Overlay } from '../Overlays'
import { homePath } from '../route'

export function WorkspaceMenu({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const session = useSession()
  const workspace = useView(view => view.data?.workspace)
  const others = session.info?.workspaces.filter(other => other.id !== workspace?.id) ?? []
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
              <DropdownMenu.Item key={other.id} className="menu-item" asChild>
                <a href={homePath(other.id)}>
                  <bdi>{other.name}</bdi>
                </a>
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
