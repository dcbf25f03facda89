// Says something for a moment, such as that a text was copied. On a page that is not served securely there is no
// clipboard: a dialog shows the text, selected, so that the user can copy it by keyboard.
import { Check } from 'lucide-react'
import { useEffect, useSyncExternalStore } from 'react'
import { useTexts } from '../texts'
import { Dialog } from './Dialog'

const SHOWN_MS = 2500
/** What one cannot know before takes longer to read. */
const READ_MS = 6000

type Shown = { text: string; copied: boolean } | { notice: string } | null

let result: Shown = null
const listeners = new Set<() => void>()

function set(next: Shown): void {
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

export function showNotice(notice: string): void {
  set({ notice })
}

export function CopyNotice() {
  const t = useTexts()
  const shown = useSyncExternalStore(subscribe, () => result)
  const close = () => set(null)
  useEffect(() => {
    if (!shown || ('copied' in shown && !shown.copied)) return
    const timer = setTimeout(() => set(null), 'notice' in shown ? READ_MS : SHOWN_MS)
    return () => clearTimeout(timer)
  }, [shown])
  return (
    <>
      <div className="notice-slot" role="status">
        {shown && 'notice' in shown && <p className="notice">{shown.notice}</p>}
        {shown && 'copied' in shown && shown.copied && (
          <p className="notice">
            <Check aria-hidden="true" /> {t.copied}
          </p>
        )}
      </div>
      {shown && 'copied' in shown && !shown.copied && (
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
