// Small parts that every screen shares.
import { Hash, Lock, Users } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import { type ButtonHTMLAttributes, createContext, type ReactNode, useContext } from 'react'
import type { ChatItem } from '../api/types'
import { useTexts } from '../texts'
import { useChatTitle, useMe, useUser } from './hooks'
import { hue, initials, partner } from './names'

export function Avatar({ userId, size = 'm' }: { userId: string; size?: 's' | 'm' | 'l' }) {
  const user = useUser(userId)
  return (
    <span className={`avatar avatar-${size} hue-${hue(userId)}`} aria-hidden="true">
      {user ? initials(user.fullname) : ''}
    </span>
  )
}

/** Apart from what stands around it, in whichever direction it is written. */
export function Name({ userId }: { userId: string }) {
  const user = useUser(userId)
  return <bdi>{user?.fullname ?? '…'}</bdi>
}

export function ChatTitle({ item }: { item: ChatItem }) {
  return <bdi>{useChatTitle(item)}</bdi>
}

export function ChatIcon({ item, size = 's' }: { item: ChatItem; size?: 's' | 'm' }) {
  const me = useMe()
  const other = partner(item, me.id)
  if (other) return <Avatar userId={other} size={size} />
  const Icon = item.chat.kind === 'group' ? Users : item.chat.kind === 'private_channel' ? Lock : Hash
  return (
    <span className={`chat-icon chat-icon-${size}`} aria-hidden="true">
      <Icon />
    </span>
  )
}

export function Unread({ count }: { count: number }) {
  const t = useTexts()
  return (
    <span className="badge">
      {count > 99 ? '99+' : count}
      <span className="visually-hidden"> {t.unread}</span>
    </span>
  )
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string
  children: ReactNode
}

export function IconButton({ label, children, className = '', ...rest }: IconButtonProps) {
  return (
    <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      {children}
    </button>
  )
}

/** The landmark that one is in: what opens from it opens inside it, so that it is found there. */
export const LandmarkContext = createContext<HTMLElement | null>(null)

export function MenuContent({ children, ...rest }: DropdownMenu.DropdownMenuContentProps) {
  return (
    <DropdownMenu.Portal container={useContext(LandmarkContext)}>
      <DropdownMenu.Content className="menu" collisionPadding={8} {...rest}>
        {children}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  )
}

/** `page`: it is all that there is on the screen, so its title is the page's. */
export function Empty({ title, page = false, children }: { title: ReactNode; page?: boolean; children?: ReactNode }) {
  const Title = page ? 'h1' : 'p'
  return (
    <div className="empty">
      <Title className="empty-title" dir="auto">
        {title}
      </Title>
      {children && <div className="empty-text">{children}</div>}
    </div>
  )
}

export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" className="logo-ground" />
      <path
        className="logo-mark"
        d="M8 12.5A4.5 4.5 0 0 1 12.5 8h7a4.5 4.5 0 0 1 4.5 4.500v4a4.500 4.500 0 0 1-4.500 4.500H15l-4.200 3.300c-.5.400-1.300 0-1.300-.600V20.300A4.500 4.500 0 0 1 8 16.800z"
      />
    </svg>
  )
}
