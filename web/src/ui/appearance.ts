// How the window looks on this device: theme, density, size of the text. Each choice is an attribute
// of the root element, which styles/ read. The first value of each is the default.
import { useSyncExternalStore } from 'react'
import { deviceStorage } from '../store/storage'

export const CHOICES = {
  theme: ['system', 'light', 'dark'],
  density: ['comfortable', 'compact'],
  text: ['normal', 'small', 'large', 'largest'],
} as const

export type Choice = keyof typeof CHOICES
export type ValueOf<C extends Choice> = (typeof CHOICES)[C][number]

const keyOf = (choice: Choice) => `parlor.${choice}`

export function chosen<C extends Choice>(choice: C): ValueOf<C> {
  const values: readonly ValueOf<C>[] = CHOICES[choice]
  const saved = deviceStorage.get(keyOf(choice))
  return values.find(value => value === saved) ?? (values[0] as ValueOf<C>)
}

export function choose<C extends Choice>(choice: C, value: ValueOf<C>): void {
  if (value === CHOICES[choice][0]) deviceStorage.remove(keyOf(choice))
  else deviceStorage.set(keyOf(choice), value)
  apply()
}

const listeners = new Set<() => void>()

/** What is chosen; another tab may change it. */
export function useChosen<C extends Choice>(choice: C): ValueOf<C> {
  return useSyncExternalStore(subscribe, () => chosen(choice))
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

const all = Object.keys(CHOICES) as Choice[]

export function followAppearance(): void {
  addEventListener('storage', event => {
    const changed = all.filter(choice => event.key === null || event.key === keyOf(choice))
    for (const choice of changed) deviceStorage.forget(keyOf(choice))
    if (changed.length > 0) apply()
  })
  apply()
}

function apply(): void {
  for (const choice of all) document.documentElement.dataset[choice] = chosen(choice)
  for (const listener of listeners) listener()
}
