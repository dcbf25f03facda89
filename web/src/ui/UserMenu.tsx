// A user's name or avatar as a button that opens a menu: their e-mail address, and a message to
// them. For the user themself and for deactivated users it is plain text.
import { MessageCircle } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { type ReactNode, useState } from 'react'
import { useTexts } from '../texts'
import { useAction } from './forms'
import { useMe, useStore, useUser } from './hooks'
import { MenuContent } from './Menu'
import { openChat } from './route'

interface UserMenuProps {
  userId: string
  className?: string
  /** Whether Tab stops here. Not among messages, whose own menus have the same entry. */
  tabStop?: boolean
  /** Hidden from screen readers, where the name beside the avatar has the same menu. */
  hidden?: boolean
  children: ReactNode
}

export function UserMenu({ userId, className = '', tabStop = true, hidden = false, children }: UserMenuProps) {
  const t = useTexts()
  const me = useMe()
  const user = useUser(userId)
  // The menu is made on the first click: there are many names, and few are clicked.
  const [opened, setOpened] = useState(false)
  if (userId === me.id || user?.active === false) return <span className={className}>{children}</span>
  const button = {
    className: `user-button ${className}`,
    tabIndex: tabStop ? 0 : -1,
    'aria-hidden': hidden || undefined,
  }
  if (!opened) {
    return (
      <button type="button" aria-haspopup="menu" aria-expanded={false} onClick={() => setOpened(true)} {...button}>
        {children}
      </button>
    )
  }
  return (
    <DropdownMenu.Root modal={false} defaultOpen>
      <DropdownMenu.Trigger {...button}>{children}</DropdownMenu.Trigger>
      <MenuContent align="start" sideOffset={4}>
        {user?.email && (
          <DropdownMenu.Label className="menu-label" dir="auto">
            {user.email}
            {!user.email_verified && ` (${t.unverified})`}
          </DropdownMenu.Label>
        )}
        <MessageUserItem userId={userId} />
      </MenuContent>
    </DropdownMenu.Root>
  )
}

/** The menu item that opens the single chat with a user; nothing for the user themself. */
export function MessageUserItem({ userId }: { userId: string }) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const user = useUser(userId)
  const open = useAction(async () => openChat({ chatId: await store.chats.openSingle(userId) }))
  if (userId === me.id) return null
  return (
    <DropdownMenu.Item className="menu-item" onSelect={() => open.run()}>
      <MessageCircle /> {t.messageTo(user?.fullname ?? t.somebody)}
    </DropdownMenu.Item>
  )
}
