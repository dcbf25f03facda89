// Light, dark, or as the system has it. Both come from the same tokens (`light-dark()` in styles.css).
export type Theme = 'system' | 'light' | 'dark'
const KEY = 'parlor.theme'

export function theme(): Theme {
  const saved = localStorage.getItem(KEY)
  return saved === 'light' || saved === 'dark' ? saved : 'system'
}

export function setTheme(next: Theme): void {
  if (next === 'system') localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, next)
  applyTheme()
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = theme()
}
