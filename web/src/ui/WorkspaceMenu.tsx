// The menu of the workspace: inviting, its settings, and other workspaces. In a narrow window it has
// the places of the rail too.
import { ChevronDown, House, Plus, SlidersHorizontal, UserPlus } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useTexts } from '../texts'
import { NARROW, useMe, useMedia, useView } from './hooks'
import { MenuContent } from './Menu'
import type { Overlay } from './Overlays'
import { PLACES } from './places'
import { isAdmin } from './roles'
import { go, homePath, placePath } from './route'
import { WorkspaceUnread } from './WorkspaceUnread'
import { useWorkspaces } from './workspaces'

export function WorkspaceMenu({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const me = useMe()
  const narrow = useMedia(NARROW)
  const workspace = useView(view => view.data?.workspace)
  const others = useWorkspaces().filter(other => other.id !== workspace?.id)
  const total = (key: 'unread' | 'mentions') => others.reduce((sum, other) => sum + (other[key] ?? 0), 0)
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="workspace-button">
        <span dir="auto">{workspace?.name}</span>
        <ChevronDown aria-hidden="true" />
        {/* Where there is no rail to show it. */}
        {narrow && <WorkspaceUnread unread={total('unread')} mentions={total('mentions')} />}
      </DropdownMenu.Trigger>
      <MenuContent align="start" sideOffset={4}>
        {narrow && (
          <>
            <DropdownMenu.Item className="menu-item" onSelect={() => go(homePath())}>
              <House /> {t.home}
            </DropdownMenu.Item>
            {Object.entries(PLACES).map(([name, { label, Icon }]) => (
              <DropdownMenu.Item key={name} className="menu-item" onSelect={() => go(placePath(name))}>
                <Icon /> {label(t)}
              </DropdownMenu.Item>
            ))}
            <DropdownMenu.Separator className="menu-line" />
          </>
        )}
        {isAdmin(me) && (
          <>
            <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('invite')}>
              <UserPlus /> {t.invitePeople}
            </DropdownMenu.Item>
            <DropdownMenu.Item className="menu-item" onSelect={() => go(placePath('settings', 'workspace'))}>
              <SlidersHorizontal /> {t.workspaceSettings}
            </DropdownMenu.Item>
            <DropdownMenu.Separator className="menu-line" />
          </>
        )}
        {others.length > 0 && (
          <>
            <DropdownMenu.Label className="menu-label">{t.switchTo}</DropdownMenu.Label>
            {others.map(other => (
              <DropdownMenu.Item key={other.id} className="menu-item" asChild>
                <a href={homePath(other.id)}>
                  <bdi>{other.name}</bdi>
                  <WorkspaceUnread unread={other.unread} mentions={other.mentions} />
                </a>
              </DropdownMenu.Item>
            ))}
            <DropdownMenu.Separator className="menu-line" />
          </>
        )}
        <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('workspace')}>
          <Plus /> {t.makeWorkspaceTitle}
        </DropdownMenu.Item>
      </MenuContent>
    </DropdownMenu.Root>
  )
}
