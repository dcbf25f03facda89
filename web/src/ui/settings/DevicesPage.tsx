// The devices on which the account is signed in.
import { useEffect, useState } from 'react'
import { unwrap } from '../../api/client'
import type { components } from '../../api/schema'
import { texts, useTexts } from '../../texts'
import { shortDate } from '../dates'
import { FormError, useAction } from '../forms'
import { useStore } from '../hooks'

type SignedInDevice = components['schemas']['Session']

export function DevicesPage() {
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
