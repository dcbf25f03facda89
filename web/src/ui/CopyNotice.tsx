// Copies text and says so for a moment. On a page that is not served securely there is no
// clipboard: a dialog shows the text, selected, so that the user can copy it by keyboard.
import { Check } from 'lucide-react'
import { useEffect, useSyncExternalStore } from 'react'
import { useTexts } from '../texts'
import { Dialog } from './Dialog'

const SHOWN_MS = 2500

type CopyResult = { text: string; copied: boolean } | null

let result: CopyResult = null
const listeners = new Set<() => void>()

function set(next: CopyResult): void {
  result = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function copyText(text: string): void {
  const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'))
  written.then(
    () => set({ text, copied: true }),
    () => set({ text, copied: false }),
  )
}

export function CopyNotice() {
  const t = useTexts()
  const shown = useSyncExternalStore(subscribe, () => result)
  const close = () => set(null)
  useEffect(() => {
    if (!shown?.copied) return
    const timer = setTimeout(() => set(null), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [shown])
  return (
    <>
      <div className="notice-slot" role="status">
        {shown?.copied && (
          <p className="notice">
            <Check aria-hidden="true" /> {t.copied}
          </p>
        )}
      </div>
      {shown && !shown.copied && (
        <Dialog title={t.copyYourself} onClose={close} className="dialog-s">
          <div className="copy-row">
            <textarea
              readOnly
              rows={Math.min(8, shown.text.split('\n').length)}
              value={shown.text}
              aria-label={t.copyYourself}
              data-autofocus
              onFocus={event => event.target.select()}
            />
          </div>
        </Dialog>
      )}
    </>
  )
}
