// Which sections of the list are folded. Kept on the device.
import { useSyncExternalStore } from 'react'
import { deviceStorage } from '../../store/storage'

const KEY = 'parlor.folded'
const listeners = new Set<() => void>()

export function isFolded(section: string): boolean {
  return (deviceStorage.get(KEY) ?? '').split(' ').includes(section)
}

export function toggleFolded(section: string): void {
  const folded = new Set((deviceStorage.get(KEY) ?? '').split(' ').filter(Boolean))
  if (!folded.delete(section)) folded.add(section)
  deviceStorage.set(KEY, [...folded].join(' '))
  for (const listener of listeners) listener()
}

export function useFolded(section: string): boolean {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => isFolded(section),
  )
}
