// What the desktop tells the user of.
import { useState } from 'react'
import { useTexts } from '../../texts'
import { Select } from '../forms'
import {
  NOTIFICATION_LEVELS,
  type NotificationLevel,
  notificationLevel,
  setNotificationLevel,
  supported,
} from '../notifications'

export function NotificationsPage() {
  const t = useTexts()
  const [level, setLevel] = useState(notificationLevel)
  const [denied, setDenied] = useState(false)
  if (!supported) return <p className="dialog-text">{t.notifyUnsupported}</p>
  const change = async (wanted: NotificationLevel) => {
    const granted = await setNotificationLevel(wanted)
    setLevel(granted)
    setDenied(granted !== wanted)
  }
  return (
    <section className="settings-part">
      <Select
        label={t.notifyMe}
        value={level}
        options={NOTIFICATION_LEVELS.map((value): [string, string] => [value, t.notify[value]])}
        onChange={value => void change(value as NotificationLevel)}
      />
      {denied && (
        <p className="field-hint" role="status">
          {t.notifyRefused}
        </p>
      )}
    </section>
  )
}
