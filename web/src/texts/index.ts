// The language of the texts: the browser's, or the one that the user chose. English is part of the
// main chunk; the other catalogues are fetched on demand.
import { useSyncExternalStore } from 'react'
import { deviceStorage } from '../store/storage'
import { en, type Texts } from './en'

export type Language = 'system' | 'en' | 'de'
export const LANGUAGES: { value: Exclude<Language, 'system'>; name: string }[] = [
  { value: 'en', name: 'English' },
  { value: 'de', name: 'Deutsch' },
]
const KEY = 'parlor.language'
const catalogues: Record<string, () => Promise<Texts>> = {
  en: async () => en,
  de: async () => (await import('./de')).de,
}

let current = en
let locale: string | undefined
const listeners = new Set<() => void>()

/** The texts in the current language, outside of components. */
export function texts(): Texts {
  return current
}

/** The same in a component, which renders again when the language changes. */
export function useTexts(): Texts {
  return useSyncExternalStore(subscribe, texts, texts)
}

/** The locale for dates: the browser's variant of the language, if it has one. */
export function localeOf(): string | undefined {
  return locale
}

export function language(): Language {
  const saved = deviceStorage.get(KEY)
  return saved === 'en' || saved === 'de' ? saved : 'system'
}

/** Changes the language. If its catalogue cannot be loaded, the current one stays. */
export async function setLanguage(next: Language): Promise<void> {
  if (next === 'system') deviceStorage.remove(KEY)
  else deviceStorage.set(KEY, next)
  await loadLanguage()
}

export async function loadLanguage(): Promise<void> {
  const wanted = language()
  const known = (tag: string) => tag.split('-')[0] ?? ''
  const tag = wanted === 'system' ? (navigator.languages.find(tag => known(tag) in catalogues) ?? 'en') : wanted
  const chosen = await catalogues[known(tag)]?.().catch(() => null)
  if (!chosen) return
  current = chosen
  locale = navigator.languages.find(other => known(other) === known(tag)) ?? tag
  document.documentElement.lang = known(tag)
  // All languages here are written from left to right. The layout does not depend on it.
  document.documentElement.dir = 'ltr'
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
