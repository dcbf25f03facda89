// The theme: light, dark, or that of the system. Sets `data-theme`; styles/tokens.css has the
// colours.
import { useSyncExternalStore } from 'react'
import { deviceStorage } from '../store/storage'

export type Theme = 'system' | 'light' | 'dark'
const KEY = 'parlor.theme'

export function theme(): Theme {
  const saved = deviceStorage.get(KEY)
  return saved === 'light' || saved === 'dark' ? saved : 'system'
}

export function setTheme(next: Theme): void {
  if (next === 'system') deviceStorage.remove(KEY)
  else deviceStorage.set(KEY, next)
  applyTheme()
}

const listeners = new Set<() => void>()

/** The chosen theme; another tab may change it. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, theme)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function followTheme(): void {
  addEventListener('storage', event => {
    if (event.key === KEY) deviceStorage.forget(KEY)
    if (event.key === KEY || event.key === null) applyTheme()
  })
  applyTheme()
}

function applyTheme(): void {
  document.documentElement.dataset.theme = theme()
  for (const listener of listeners) listener()
}
