// What opens over everything else and wants an answer.
import { X } from 'lucide-react'
import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { useTexts } from '../texts'
import type { ErrorTexts } from './errors'
import { FormError, useAction } from './forms'
import { IconButton } from './IconButton'

interface DialogProps {
  title: string
  onClose: () => void
  children: ReactNode
  className?: string
  bare?: boolean
}

/** Of the dialogs that wait for another one to take their place. */
const openers = new WeakMap<Element, HTMLElement | null>()

/** The browser's own modal dialog: it holds the focus, closes by Esc and needs no injected style. */
export function Dialog({ title, onClose, children, className = '', bare = false }: DialogProps) {
  const t = useTexts()
  const dialog = useRef<HTMLDialogElement>(null)
  const pressed = useRef<EventTarget | null>(null)
  const id = useId()
  // While it is drawn for the first time: what is pressed in a menu is gone right after.
  const [opener] = useState(openerOf)
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    if (element) openers.set(element, opener)
    // The browser would take the first thing there is, which is mostly the cross.
    const first = element?.querySelector<HTMLElement>('[data-autofocus]') ?? element?.querySelector('h2')
    first?.focus()
    return () => {
      element?.close()
      if (document.activeElement === document.body) opener?.focus()
    }
  }, [opener])
  return (
    <dialog
      ref={dialog}
      className={`dialog ${className}`}
      aria-labelledby={id}
      onClose={onClose}
      onKeyDown={event => {
        // The menu that it was opened from may be there for a moment still, and has taken the key for itself.
        const inMenu = (event.target as Element).closest('[role="menu"]')
        if (event.key === 'Escape' && event.defaultPrevented && !inMenu) onClose()
      }}
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
          <h2 id={id} tabIndex={-1} dir="auto">
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

/** What has the focus; for an entry of a menu, what opened the menu; for what takes the place of a dialog, its opener. */
function openerOf(): HTMLElement | null {
  const element = document.activeElement as HTMLElement | null
  const before = element?.closest('.dialog-waiting')
  if (before) return openers.get(before) ?? null
  const trigger = element?.closest('[role="menu"]')?.getAttribute('aria-labelledby')
  return trigger ? document.getElementById(trigger) : element
}

interface ActionsProps {
  /** What the button says that does it. */
  action: string
  onClose: () => void
  /** Without it the button submits the form around it. */
  onAction?: () => void
  disabled?: boolean
  danger?: boolean
  error: ErrorTexts | null
}

/** How a dialog ends: what went wrong, and the choice between doing it and not. */
export function DialogActions({ action, onClose, onAction, disabled, danger = false, error }: ActionsProps) {
  const t = useTexts()
  return (
    <>
      <FormError error={error} />
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button
          type={onAction ? 'button' : 'submit'}
          className={`button ${danger ? 'button-danger' : 'button-primary'}`}
          disabled={disabled}
          onClick={onAction}
        >
          {action}
        </button>
      </div>
    </>
  )
}

interface ConfirmProps {
  title: string
  text: string
  action: string
  onClose: () => void
  onConfirm: () => Promise<void>
}

/** Asks before something is done that cannot be undone, and says why when it could not be done. */
export function Confirm({ title, text, action, onClose, onConfirm }: ConfirmProps) {
  const { error, busy, run } = useAction(async () => {
    await onConfirm()
    onClose()
  })
  return (
    <Dialog title={title} onClose={onClose} className="dialog-s">
      <p className="dialog-text">{text}</p>
      <DialogActions action={action} danger disabled={busy} onClose={onClose} onAction={run} error={error} />
    </Dialog>
  )
}
