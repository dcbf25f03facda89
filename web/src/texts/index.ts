// The language that people see: theirs by the browser, or the one that they chose. English is always there; others are fetched.
import { useSyncExternalStore } from 'react'
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

/** The texts of now, for what is not drawn. */
export function texts(): Texts {
  return current
}

/** The same, drawn anew when the language changes. */
export function useTexts(): Texts {
  return useSyncExternalStore(subscribe, texts)
}

/** For dates: the browser's own way where it speaks that language anyway. */
export function localeOf(): string | undefined {
  return locale
}

export function language(): Language {
  const saved = localStorage.getItem(KEY)
  return saved === 'en' || saved === 'de' ? saved : 'system'
}

/** Chooses one. Where its catalogue cannot be had, what was there stays. */
export async function setLanguage(next: Language): Promise<void> {
  if (next === 'system') localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, next)
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
  // Every language here is written from left to right; the layout does not depend on it.
  document.documentElement.dir = 'ltr'
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
