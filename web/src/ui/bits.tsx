// Small parts that every screen shares.
import { Hash, Lock, Users, X } from 'lucide-react'
import { DropdownMenu } from 'radix-ui'
import {
  type ButtonHTMLAttributes,
  createContext,
  type InputHTMLAttributes,
  type ReactNode,
  useContext,
  useEffect,
  useId,
  useRef,
} from 'react'
import type { ChatItem } from '../api/types'
import { useTexts } from '../texts'
import { useMe, useUser } from './hooks'
import { hue, initials, partner } from './names'

export function Avatar({ userId, size = 'm' }: { userId: string; size?: 's' | 'm' | 'l' }) {
  const user = useUser(userId)
  return (
    <span className={`avatar avatar-${size} hue-${hue(userId)}`} aria-hidden="true">
      {user ? initials(user.fullname) : ''}
    </span>
  )
}

export function Name({ userId }: { userId: string }) {
  const user = useUser(userId)
  return <>{user?.fullname ?? '…'}</>
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

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string
  hint?: ReactNode
  error?: string | undefined
}

export function Field({ label, hint, error, autoFocus, ...rest }: FieldProps) {
  const id = useId()
  const note = error ?? hint
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        aria-invalid={Boolean(error)}
        aria-describedby={note ? `${id}-note` : undefined}
        autoFocus={autoFocus}
        data-autofocus={autoFocus || undefined}
        {...rest}
      />
      {note && (
        <p id={`${id}-note`} className={error ? 'field-error' : 'field-hint'}>
          {note}
        </p>
      )}
    </div>
  )
}

interface SelectProps {
  label: string
  value: string
  options: [value: string, text: string][]
  onChange: (value: string) => void
}

export function Select({ label, value, options, onChange }: SelectProps) {
  const id = useId()
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={event => onChange(event.target.value)}>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

interface DialogProps {
  title: string
  onClose: () => void
  children: ReactNode
  className?: string
  bare?: boolean
}

/** The browser's own modal dialog: it holds the focus, closes by Esc and needs no injected style. */
export function Dialog({ title, onClose, children, className = '', bare = false }: DialogProps) {
  const t = useTexts()
  const dialog = useRef<HTMLDialogElement>(null)
  const pressed = useRef<EventTarget | null>(null)
  const id = useId()
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    // The browser would take the first thing there is, which is mostly the cross.
    const first = element?.querySelector<HTMLElement>('[data-autofocus]') ?? element?.querySelector('h2')
    first?.focus()
    return () => element?.close()
  }, [])
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes it, the browser sees to that
    <dialog
      ref={dialog}
      className={`dialog ${className}`}
      aria-labelledby={id}
      onClose={onClose}
      onMouseDown={event => {
        pressed.current = event.target
      }}
      onClick={event => {
        // Beside it, from press to release: a press on a button that moves away ends on the dialog as well.
        if (event.target === dialog.current && pressed.current === dialog.current) onClose()
      }}
    >
      <div className="dialog-body">
        <header className={bare ? 'visually-hidden' : 'dialog-head'}>
          <h2 id={id} tabIndex={-1}>
            {title}
          </h2>
          {!bare && (
            <IconButton label={t.close} onClick={onClose}>
              <X />
            </IconButton>
          )}
        </header>
        {children}
      </div>
    </dialog>
  )
}

/** `page`: it is all that there is on the screen, so its title is the page's. */
export function Empty({ title, page = false, children }: { title: string; page?: boolean; children?: ReactNode }) {
  const Title = page ? 'h1' : 'p'
  return (
    <div className="empty">
      <Title className="empty-title">{title}</Title>
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
