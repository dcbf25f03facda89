// Says which keys send and begin a new line, in the first week on a device.
import { memo } from 'react'
import { deviceStorage } from '../../store/storage'
import { useTexts } from '../../texts'
import { TOUCH } from '../hooks'

const KEY = 'parlor.first_used_at'
const WEEK_MS = 7 * 86_400_000

/** Not drawn with each key, since it asks the storage. */
export const SendHint = memo(function SendHint() {
  const t = useTexts()
  if (TOUCH.matches || !isNew()) return null
  return <span className="composer-hint">{t.enterSends}</span>
})

function isNew(): boolean {
  const since = Number(deviceStorage.get(KEY) ?? 0)
  if (since === 0) deviceStorage.set(KEY, String(Date.now()))
  return since === 0 || Date.now() - since < WEEK_MS
}
