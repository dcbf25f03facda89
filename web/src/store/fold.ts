// What a client does with events: applies them to the snapshot it has. Each slice of the state has
// its own rule; `slices/chatFold.ts` has those of chats. Pure.
import type { Event, Snapshot } from '../api/types'
import type { Fold } from './slice'
import { SLICES, type State } from './slices'

export type { State }

const folds = Object.entries(SLICES).flatMap(([name, slice]) =>
  'fold' in slice ? [[name as keyof State, slice.fold as Fold<unknown>] as const] : [],
)

/** `before` is what was known till then. */
export function fromSnapshot(snapshot: Snapshot, before?: Partial<State>): State {
  return Object.fromEntries(
    folds.map(([name, fold]) => [name, fold.fromSnapshot(snapshot, before?.[name])]),
  ) as unknown as State
}

/** The same state, if the event changes nothing. */
export function apply(state: State, event: Event): State {
  let next = state
  for (const [name, fold] of folds) {
    const part = fold.apply(state[name], event, state.user.id)
    if (part !== state[name]) next = { ...next, [name]: part }
  }
  return next
}
