// The menu of the user at the end of the top bar.
import { Keyboard, LogOut, Monitor, Moon, Settings, Sun } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { useMe, useSession } from './hooks'
import { MenuContent } from './Menu'
import type { Overlay } from './Overlays'
import { go, placePath } from './route'
import { setTheme, type Theme, useTheme } from './theme'

const THEMES: { value: Theme; label: 'themeSystem' | 'themeLight' | 'themeDark'; Icon: typeof Sun }[] = [
  { value: 'system', label: 'themeSystem', Icon: Monitor },
  { value: 'light', label: 'themeLight', Icon: Sun },
  { value: 'dark', label: 'themeDark', Icon: Moon },
]

export function MeMenu({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const me = useMe()
  const session = useSession()
  const theme = useTheme()
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="me-button" title={me.fullname}>
        <Avatar userId={me.id} size="m" />
        <span className="visually-hidden">{me.fullname}</span>
      </DropdownMenu.Trigger>
      <MenuContent align="end" sideOffset={6}>
        <DropdownMenu.Label className="menu-label menu-label-me" dir="auto">
          {me.fullname}
        </DropdownMenu.Label>
        <DropdownMenu.Item className="menu-item" onSelect={() => go(placePath('settings'))}>
          <Settings /> {t.settings}
        </DropdownMenu.Item>
        <DropdownMenu.Item className="menu-item" onSelect={() => onOverlay('shortcuts')}>
          <Keyboard /> {t.shortcuts}
        </DropdownMenu.Item>
        <DropdownMenu.Separator className="menu-line" />
        <DropdownMenu.Label className="menu-label">{t.appearance}</DropdownMenu.Label>
        <DropdownMenu.RadioGroup value={theme} onValueChange={value => setTheme(value as Theme)}>
          {THEMES.map(({ value, label, Icon }) => (
            <DropdownMenu.RadioItem key={value} value={value} className="menu-item">
              <Icon /> {t[label]}
            </DropdownMenu.RadioItem>
          ))}
        </DropdownMenu.RadioGroup>
        <DropdownMenu.Separator className="menu-line" />
        <DropdownMenu.Item className="menu-item" onSelect={() => session.signOut()}>
          <LogOut /> {t.signOut}
        </DropdownMenu.Item>
      </MenuContent>
    </DropdownMenu.Root>
  )
}
