// Asks before something is done that cannot be undone, and says why when it could not be done.
import { useState } from 'react'
import { useTexts } from '../texts'
import { Dialog } from './bits'

interface ConfirmProps {
  title: string
  text: string
  action: string
  onClose: () => void
  onConfirm: () => Promise<void>
}

export function Confirm({ title, text, action, onClose, onConfirm }: ConfirmProps) {
  const t = useTexts()
  const [trouble, setTrouble] = useState('')
  const confirm = async () => {
    try {
      await onConfirm()
      onClose()
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <Dialog title={title} onClose={onClose} className="dialog-s">
      <p className="dialog-text">{text}</p>
      {trouble && (
        <p className="form-trouble" role="alert">
          {trouble}
        </p>
      )}
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          {t.cancel}
        </button>
        <button type="button" className="button button-danger" onClick={() => void confirm()}>
          {action}
        </button>
      </div>
    </Dialog>
  )
}
