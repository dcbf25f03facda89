// What is mine: my name, where I am signed in, and whether the desktop tells me of messages.
import { type FormEvent, useEffect, useState } from 'react'
import { answer } from '../api/client'
import type { components } from '../api/schema'
import { LANGUAGES, type Language, language, setLanguage, texts, useTexts } from '../texts'
import { Dialog, Field, Select } from './bits'
import { shortDate } from './dates'
import { useMe, useStore } from './hooks'
import { setWanted, supported, wanted } from './notifications'
import { troubleOf } from './SignIn'
import { setTheme, type Theme, theme } from './theme'

type SignIn = components['schemas']['Session']

export function Settings({ onClose }: { onClose: () => void }) {
  const t = useTexts()
  return (
    <Dialog title={t.settings} onClose={onClose}>
      <Profile />
      <Appearance />
      <Notifications />
      <Sessions />
    </Dialog>
  )
}

function Profile() {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const [trouble, setTrouble] = useState('')
  const [saved, setSaved] = useState(false)
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    setTrouble('')
    try {
      const fullname = String(new FormData(event.currentTarget).get('fullname') ?? '').trim()
      await answer(store.api.PATCH('/api/users/me', { body: { fullname } }))
      setSaved(true)
    } catch (error) {
      const { message, fields } = troubleOf(error)
      setTrouble(fields.fullname ?? message)
    }
  }
  return (
    <form className="settings-part settings-row" onSubmit={save} onChange={() => setSaved(false)}>
      <Field
        label={t.yourName}
        name="fullname"
        defaultValue={me.fullname}
        required
        maxLength={100}
        error={trouble || undefined}
      />
      <button type="submit" className="button">
        {saved ? t.saved : t.save}
      </button>
    </form>
  )
}

function Appearance() {
  const t = useTexts()
  const [chosen, choose] = useState(theme)
  const [spoken, speak] = useState(language)
  return (
    <section className="settings-part settings-pair">
      <Select
        label={t.appearance}
        value={chosen}
        options={[
          ['system', t.themeSystem],
          ['light', t.themeLight],
          ['dark', t.themeDark],
        ]}
        onChange={value => {
          setTheme(value as Theme)
          choose(theme())
        }}
      />
      <Select
        label={t.language}
        value={spoken}
        options={[['system', t.languageSystem], ...LANGUAGES.map(({ value, name }): [string, string] => [value, name])]}
        onChange={value => {
          speak(value as Language)
          void setLanguage(value as Language)
        }}
      />
    </section>
  )
}

function Notifications() {
  const t = useTexts()
  const [on, setOn] = useState(wanted)
  if (!supported) return null
  return (
    <section className="settings-part">
      <label className="check">
        <input type="checkbox" checked={on} onChange={event => void setWanted(event.target.checked).then(setOn)} />
        <span>{t.notifyMe}</span>
      </label>
    </section>
  )
}

function Sessions() {
  const t = useTexts()
  const store = useStore()
  const [sessions, setSessions] = useState<SignIn[]>([])
  const [trouble, setTrouble] = useState('')
  useEffect(() => {
    answer(store.api.GET('/api/sessions'))
      .then(page => setSessions(page.items))
      .catch(error => setTrouble(troubleOf(error).message))
  }, [store])
  const end = async (id: string) => {
    try {
      await answer(store.api.DELETE('/api/sessions/{id}', { params: { path: { id } } }))
      setSessions(now => now.filter(session => session.id !== id))
    } catch (error) {
      setTrouble(troubleOf(error).message)
    }
  }
  return (
    <section className="settings-part">
      <h3>{t.sessions}</h3>
      {trouble && (
        <p className="form-trouble" role="alert">
          {trouble}
        </p>
      )}
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
              <button type="button" className="button" onClick={() => void end(session.id)}>
                {t.signOut}
              </button>
            )}
          </li>
        ))}
      </ul>
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
