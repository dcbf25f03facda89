// The list of first things to do, at the foot of the list of chats. It ticks itself off.
import { Check, X } from 'lucide-react'
import { useEffect, useReducer } from 'react'
import { useTexts } from '../../texts'
import { useMe, useView } from '../hooks'
import { IconButton } from '../IconButton'
import { setNotificationLevel } from '../notifications'
import type { Overlay } from '../Overlays'
import { go, placePath } from '../route'
import { keepSteps, STEPS, type StepName, stepsOf } from './firstSteps'

export function FirstSteps({ onOverlay }: { onOverlay: (overlay: Overlay) => void }) {
  const t = useTexts()
  const me = useMe()
  const workspace = useView(view => view.data?.workspace.id) as string
  const chats = useView(view => view.data?.chats)
  const users = useView(view => view.data?.users)
  const [, look] = useReducer((n: number) => n + 1, 0)
  const steps = stepsOf(workspace, { me, chats: chats ?? new Map(), users: users ?? new Map() })
  const done = steps?.filter(step => step.done).map(step => step.name) ?? []
  const kept = done.join(' ')
  useEffect(() => {
    if (kept) keepSteps(workspace, { done: kept.split(' ') })
  }, [workspace, kept])
  if (!steps) return null
  const begin: Record<StepName, () => void> = {
    channel: () => onOverlay('new'),
    join: () => go(placePath('channels')),
    invite: () => onOverlay('invite'),
    notify: async () => {
      // Where the browser refuses, the page of the settings says what helps.
      if ((await setNotificationLevel('direct')) === 'none') go(placePath('settings', 'notifications'))
      look()
    },
  }
  return (
    <section className="first-steps" aria-labelledby="first-steps">
      <header>
        <h2 id="first-steps">{t.firstSteps}</h2>
        <span aria-hidden="true">{t.stepsDone(done.length, steps.length)}</span>
        <IconButton
          label={t.hideFirstSteps}
          className="icon-button-s"
          onClick={() => {
            keepSteps(workspace, { dismissed: true })
            look()
          }}
        >
          <X />
        </IconButton>
      </header>
      <ul>
        {steps.map(({ name, done }) => (
          <li key={name} data-done={done || undefined}>
            <span className="first-steps-mark">{done && <Check aria-hidden="true" />}</span>
            {done ? (
              <span>
                {STEPS[name].label(t)} <span className="visually-hidden">{t.stepDone}</span>
              </span>
            ) : (
              <button type="button" onClick={begin[name]}>
                {STEPS[name].label(t)}
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
