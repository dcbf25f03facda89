// Copying, and the word that it is done. Where a page is not served securely, a browser lets it copy nothing: there the text is
// shown, already chosen, and one presses the keys.
import { Check } from 'lucide-react'
import { useEffect, useSyncExternalStore } from 'react'
import { useTexts } from '../texts'
import { Dialog } from './Dialog'

/** So long one may read that it is copied. */
const SHOWN_MS = 2500

type Done = { text: string; copied: boolean } | null

let done: Done = null
const listeners = new Set<() => void>()

function set(next: Done): void {
  done = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function copy(text: string): void {
  const written = navigator.clipboard?.writeText(text) ?? Promise.reject(new Error('no clipboard'))
  written.then(
    () => set({ text, copied: true }),
    () => set({ text, copied: false }),
  )
}

export function Clipboard() {
  const t = useTexts()
  const now = useSyncExternalStore(subscribe, () => done)
  const close = () => set(null)
  useEffect(() => {
    if (!now?.copied) return
    const timer = setTimeout(() => set(null), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [now])
  return (
    <>
      <div className="notice-slot" role="status">
        {now?.copied && (
          <p className="notice">
            <Check aria-hidden="true" /> {t.copied}
          </p>
        )}
      </div>
      {now && !now.copied && (
        <Dialog title={t.copyYourself} onClose={close} className="dialog-s">
          <div className="copy-row">
            <textarea
              readOnly
              rows={Math.min(8, now.text.split('\n').length)}
              value={now.text}
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
