// The day that it is, for components that name days. It also changes while nothing else happens.
import { useSyncExternalStore } from 'react'
import { dayKey } from './dates'

/** Timers stand still while a device sleeps, so the clock is asked this often too. */
const CHECK_MS = 60_000

const listeners = new Set<() => void>()
let timer: ReturnType<typeof setTimeout> | undefined

/** The milliseconds until the clock is asked again: at the next midnight, or before. */
export function nextCheck(now: Date): number {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1)
  return Math.min(CHECK_MS, midnight.getTime() - now.getTime() + 1)
}

function today(): string {
  return dayKey(new Date().toISOString())
}

function tell(): void {
  for (const listener of listeners) listener()
  clearTimeout(timer)
  if (listeners.size > 0) timer = setTimeout(tell, nextCheck(new Date()))
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  if (listeners.size === 1) {
    timer = setTimeout(tell, nextCheck(new Date()))
    document.addEventListener('visibilitychange', tell)
  }
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', tell)
  }
}

/** A text that stays the same for a day. A component that calls it is rendered again at midnight. */
export function useToday(): string {
  return useSyncExternalStore(subscribe, today)
}
