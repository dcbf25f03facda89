// The dialog that lists the keyboard shortcuts.
import { useTexts } from '../texts'
import type { Texts } from '../texts/en'
import { Dialog } from './Dialog'
import { MAC } from './hooks'

const MOD = MAC ? '⌘' : 'Ctrl'
const KEYS: [keyof Texts['keys'], string[]][] = [
  ['goTo', [MOD, 'K']],
  ['chats', ['Alt', '↑ ↓']],
  ['unreadChats', ['Alt', 'Shift', '↑ ↓']],
  ['regions', ['F6']],
  ['messages', ['↑ ↓']],
  ['message', ['R', 'T', 'E', 'S', 'P', 'L', MAC ? '⌫' : 'Del']],
  ['send', ['Enter']],
  ['newLine', ['Shift', 'Enter']],
  ['editLast', ['↑']],
  ['leaveDraft', ['Esc']],
  ['bold', [MOD, 'B', 'I', 'E']],
  ['complete', [':tada', '@', '#', 'Tab']],
  ['help', [MOD, '/']],
]

export function Shortcuts({ onClose }: { onClose: () => void }) {
  const t = useTexts()
  const caps: Record<string, string> = t.keyCaps
  return (
    <Dialog title={t.shortcuts} onClose={onClose} className="dialog-s">
      <dl className="keys">
        {KEYS.map(([what, keys]) => (
          <div key={what}>
            <dt>{t.keys[what]}</dt>
            <dd>
              {keys.map(key => (
                <kbd key={key}>{caps[key] ?? key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
