// The first things to do in a workspace: which are done, and whether the list of them was dismissed.
// Kept on the device, for each workspace: what was done once stays done.
import type { ChatItem, User } from '../../api/types'
import { deviceStorage } from '../../store/storage'
import type { Texts } from '../../texts/en'
import { isChannel } from '../chats'
import { notificationLevel, supported } from '../notifications'
import { isAdmin } from '../roles'

export interface Facts {
  me: User
  chats: ReadonlyMap<string, ChatItem>
  users: ReadonlyMap<string, User>
}

interface Step {
  label: (texts: Texts) => string
  isFor: (me: User) => boolean
  isDone: (facts: Facts) => boolean
}

/** A channel that one is not simply put into. */
function isChosen(item: ChatItem): boolean {
  return isChannel(item) && !('auto_join' in item.chat && item.chat.auto_join)
}

export const STEPS = {
  channel: {
    label: t => t.stepCreate,
    isFor: isAdmin,
    isDone: ({ me, chats }) => [...chats.values()].some(item => isChosen(item) && item.chat.owner_id === me.id),
  },
  join: {
    label: t => t.stepJoin,
    isFor: me => !isAdmin(me),
    isDone: ({ chats }) => [...chats.values()].some(isChosen),
  },
  invite: {
    label: t => t.stepInvite,
    isFor: isAdmin,
    isDone: ({ me, users }) => [...users.values()].some(user => user.id !== me.id),
  },
  notify: {
    label: t => t.stepNotify,
    isFor: () => supported,
    isDone: () => notificationLevel() !== 'none',
  },
} satisfies Record<string, Step>

export type StepName = keyof typeof STEPS

interface Kept {
  done: string[]
  dismissed: boolean
}

const keyOf = (workspace: string) => `parlor.first_steps.${workspace}`

export function keptSteps(workspace: string): Kept {
  try {
    const { done, dismissed } = JSON.parse(deviceStorage.get(keyOf(workspace)) ?? '{}')
    return { done: Array.isArray(done) ? done : [], dismissed: dismissed === true }
  } catch {
    return { done: [], dismissed: false }
  }
}

/** Keeps that steps are done, or that the list was dismissed. */
export function keepSteps(workspace: string, change: Partial<Kept>): void {
  const kept = keptSteps(workspace)
  const done = [...new Set([...kept.done, ...(change.done ?? [])])]
  deviceStorage.set(keyOf(workspace), JSON.stringify({ done, dismissed: change.dismissed ?? kept.dismissed }))
}

/** The steps of the user, and whether each is done; null once all are, or the list was dismissed. */
export function stepsOf(workspace: string, facts: Facts): { name: StepName; done: boolean }[] | null {
  const { done, dismissed } = keptSteps(workspace)
  if (dismissed) return null
  const steps = (Object.keys(STEPS) as StepName[])
    .filter(name => STEPS[name].isFor(facts.me))
    .map(name => ({ name, done: done.includes(name) || STEPS[name].isDone(facts) }))
  return steps.every(step => step.done) ? null : steps
}
