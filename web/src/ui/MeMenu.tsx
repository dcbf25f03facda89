// The menu of the user at the end of the top bar.
import { Keyboard, LogOut, Monitor, Moon, Settings, Sun } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { useTexts } from '../texts'
import { Avatar } from './Avatar'
import { choose, useChosen, type ValueOf } from './appearance'
import { useMe, useSession } from './hooks'
import { MenuContent } from './Menu'
import type { Overlay } from './Overlays'
import { go, placePath } from './route'

const THEMES: { value: ValueOf<'theme'>; Icon: typeof Sun }[] = [
  { value: 'system', Icon: Monitor },
  { value: 'light', Icon: Sun },
  { value: 'dark', Icon: Moon },
]

export function MeMenu({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const me = useMe()
  const session = useSession()
  const theme = useChosen('theme')
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
        <DropdownMenu.Label className="menu-label">{t.theme}</DropdownMenu.Label>
        <DropdownMenu.RadioGroup value={theme} onValueChange={value => choose('theme', value as ValueOf<'theme'>)}>
          {THEMES.map(({ value, Icon }) => (
            <DropdownMenu.RadioItem key={value} value={value} className="menu-item">
              <Icon /> {t.choices.theme[value]}
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
