// The user's own settings: name, appearance, language, notifications, account, and the devices signed in.
import { useEffect, useState } from 'react'
import { unwrap } from '../api/client'
import type { components } from '../api/schema'
import { texts, useTexts } from '../texts'
import { AccountSettings, LeaveParlor } from './AccountSettings'
import { AppearanceSettings } from './AppearanceSettings'
import { Dialog } from './Dialog'
import { shortDate } from './dates'
import { Field, FormError, Select, useAction, useForm } from './forms'
import { useMe, useStore } from './hooks'
import {
  NOTIFICATION_LEVELS,
  type NotificationLevel,
  notificationLevel,
  setNotificationLevel,
  supported,
} from './notifications'

type SignedInDevice = components['schemas']['Session']

export function Settings({ onClose }: { onClose: () => void }) {
  const t = useTexts()
  return (
    <Dialog title={t.settings} onClose={onClose}>
      <Profile />
      <AppearanceSettings />
      <Notifications />
      <AccountSettings />
      <Sessions />
      <LeaveParlor />
    </Dialog>
  )
}

function Profile() {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const [saved, setSaved] = useState(false)
  const { error, busy, onSubmit } = useForm(async ({ fullname = '' }) => {
    await unwrap(store.api.PATCH('/api/users/me', { body: { fullname } }))
    setSaved(true)
  })
  return (
    <form className="settings-part settings-row" onSubmit={onSubmit} onChange={() => setSaved(false)}>
      <Field
        label={t.yourName}
        name="fullname"
        defaultValue={me.fullname}
        required
        maxLength={100}
        error={error ? (error.fields.fullname ?? error.message) : undefined}
      />
      <button type="submit" className="button" disabled={busy}>
        {saved ? t.saved : t.save}
      </button>
    </form>
  )
}

function Notifications() {
  const t = useTexts()
  const [level, setLevel] = useState(notificationLevel)
  const [denied, setDenied] = useState(false)
  if (!supported) return null
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

function Sessions() {
  const t = useTexts()
  const store = useStore()
  const [sessions, setSessions] = useState<SignedInDevice[]>([])
  const load = useAction(async () => setSessions((await unwrap(store.api.GET('/api/sessions'))).items))
  const { run } = load
  // biome-ignore lint/correctness/useExhaustiveDependencies: once
  useEffect(run, [store])
  const end = useAction(async (id: string) => {
    await unwrap(store.api.DELETE('/api/sessions/{id}', { params: { path: { id } } }))
    setSessions(now => now.filter(session => session.id !== id))
  })
  const endOthers = useAction(async () => {
    await unwrap(store.api.DELETE('/api/sessions'))
    setSessions(now => now.filter(session => session.current))
  })
  return (
    <section className="settings-part">
      <h3>{t.sessions}</h3>
      <FormError error={end.error ?? endOthers.error ?? load.error} />
      <ul className="sessions">
        {sessions.map(session => (
          <li key={session.id}>
            <div className="browse-text">
              <p className="session-name">{deviceName(session.user_agent)}</p>
              <p className="browse-note">{t.lastUsed(shortDate(session.last_used_at))}</p>
            </div>
            {session.current ? (
              <span className="tag">{t.thisOne}</span>
            ) : (
              <button type="button" className="button" onClick={() => end.run(session.id)}>
                {t.signOut}
              </button>
            )}
          </li>
        ))}
      </ul>
      {sessions.length > 1 && (
        <button type="button" className="button" onClick={() => endOthers.run()} disabled={endOthers.busy}>
          {t.signOutOthers}
        </button>
      )}
    </section>
  )
}

function deviceName(agent: string): string {
  const find = (names: [RegExp, string][]) => names.find(([mark]) => mark.test(agent))?.[1]
  const browser = find([
    [/Edg\//, 'Edge'],
    [/Firefox\//, 'Firefox'],
    [/Chrom(e|ium)\//, 'Chrome'],
    [/Safari\//, 'Safari'],
  ])
  const system = find([
    [/Android/, 'Android'],
    [/iPhone|iPad/, 'iOS'],
    [/Windows/, 'Windows'],
    [/Mac OS/, 'macOS'],
    [/Linux/, 'Linux'],
  ])
  return browser && system ? texts().deviceOn(browser, system) : texts().unnamedDevice
}
