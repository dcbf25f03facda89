// Modal dialogs, and the question before an action that cannot be undone.
//
// The invariant: after closing, the focus is back where it was before.
import { X } from 'lucide-react'
import { type ReactNode, useEffect, useId, useRef, useState } from 'react'
import { useTexts } from '../texts'
import { composerOf } from './composerOf'
import { enterDialog } from './dialogEntry'
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

/** The element to focus after each dialog that waits to be replaced by another one. */
const openers = new WeakMap<Element, HTMLElement | null>()

/** The browser's own `<dialog>`: it traps the focus, closes on Esc and needs no injected styles. */
export function Dialog({ title, onClose, children, className = '', bare = false }: DialogProps) {
  const t = useTexts()
  const dialog = useRef<HTMLDialogElement>(null)
  const pressed = useRef<EventTarget | null>(null)
  const id = useId()
  // During the first render: a menu item that opened the dialog is removed right after.
  const [opener] = useState(openerOf)
  const latest = useRef(onClose)
  latest.current = onClose
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    if (element) openers.set(element, opener)
    // The browser would focus the first element, mostly the close button.
    const first = element?.querySelector<HTMLElement>('[data-autofocus]') ?? element?.querySelector('h2')
    first?.focus()
    const leave = enterDialog(() => latest.current())
    return () => {
      leave()
      element?.close()
      // Typing goes on even if what opened it is gone.
      if (document.activeElement === document.body) (opener?.isConnected ? opener : composerOf(null))?.focus()
    }
  }, [opener])
  return (
    <dialog
      ref={dialog}
      className={`dialog ${className}`}
      aria-labelledby={id}
      onCancel={event => {
        // The browser would close it and move the focus while the page below is still inert. Chromium
        // then takes no letters in a box, though it has the focus.
        event.preventDefault()
        onClose()
      }}
      onClose={onClose}
      onKeyDown={event => {
        // Not for a key that was handled by the menu that the dialog was opened from.
        const inMenu = (event.target as Element).closest('[role="menu"]')
        if (event.key === 'Escape' && event.defaultPrevented && !inMenu) onClose()
      }}
      onMouseDown={event => {
        pressed.current = event.target
      }}
      onClick={event => {
        // Press and release must both be beside the dialog: a button that moves away while pressed
        // also ends in a click here.
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

/**
 * The focused element. For a menu item, the element that opened the menu; for a dialog that
 * replaces a waiting one, the opener of that one.
 */
function openerOf(): HTMLElement | null {
  const element = document.activeElement as HTMLElement | null
  const before = element?.closest('.dialog-waiting')
  if (before) return openers.get(before) ?? null
  const trigger = element?.closest('[role="menu"]')?.getAttribute('aria-labelledby')
  return trigger ? document.getElementById(trigger) : element
}

interface ActionsProps {
  /** The label of the button that does it. */
  action: string
  onClose: () => void
  /** Without it, the button submits the form around it. */
  onAction?: () => void
  disabled?: boolean
  danger?: boolean
  error: ErrorTexts | null
}

/** The foot of a dialog: an error, and the buttons to do it or to cancel. */
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

/** Asks before an action that cannot be undone, and shows its error. */
export function ConfirmDialog({ title, text, action, onClose, onConfirm }: ConfirmProps) {
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
