// Somebody whose name stands somewhere: who that is, and the way to talk to them alone.
import { MessageCircle } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { type ReactNode, useState } from 'react'
import { useTexts } from '../texts'
import { useAction } from './forms'
import { useMe, useStore, useUser } from './hooks'
import { MenuContent } from './Menu'
import { go } from './route'

interface PersonProps {
  userId: string
  className?: string
  /** Whether Tab stops here. Among messages it does not: the menu of each has the same. */
  stop?: boolean
  /** A picture beside the name: once is enough for who listens. */
  mute?: boolean
  children: ReactNode
}

export function Person({ userId, className = '', stop = true, mute = false, children }: PersonProps) {
  const me = useMe()
  const user = useUser(userId)
  // There are many names, and few are asked about: a menu is made for those.
  const [used, setUsed] = useState(false)
  if (userId === me.id || user?.active === false) return <span className={className}>{children}</span>
  const button = { className: `person ${className}`, tabIndex: stop ? 0 : -1, 'aria-hidden': mute || undefined }
  if (!used) {
    return (
      <button type="button" aria-haspopup="menu" aria-expanded={false} onClick={() => setUsed(true)} {...button}>
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
          </DropdownMenu.Label>
        )}
        <MessageItem userId={userId} />
      </MenuContent>
    </DropdownMenu.Root>
  )
}

/** The entry of a menu that opens the chat of two; nothing for oneself. */
export function MessageItem({ userId }: { userId: string }) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const user = useUser(userId)
  const open = useAction(async () => go(`/c/${await store.chatWith(userId)}`))
  if (userId === me.id) return null
  return (
    <DropdownMenu.Item className="menu-item" onSelect={() => open.run()}>
      <MessageCircle /> {t.messageTo(user?.fullname ?? t.somebody)}
    </DropdownMenu.Item>
  )
}
