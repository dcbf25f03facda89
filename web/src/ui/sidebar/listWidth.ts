// The width of the list of chats, in rem, as the user dragged it. Kept on the device.
import { useSyncExternalStore } from 'react'
import { deviceStorage } from '../../store/storage'

const KEY = 'parlor.list_width'
export const WIDTH_MIN = 15
export const WIDTH_MAX = 22.5
export const WIDTH_DEFAULT = 17.25

const listeners = new Set<() => void>()

export function listWidth(): number {
  return clampWidth(Number(deviceStorage.get(KEY) ?? WIDTH_DEFAULT))
}

export function setListWidth(rem: number): void {
  deviceStorage.set(KEY, String(clampWidth(rem)))
  for (const listener of listeners) listener()
}

/** The width within its limits, for any number. */
export function clampWidth(rem: number): number {
  if (!Number.isFinite(rem)) return WIDTH_DEFAULT
  return Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, Math.round(rem * 16) / 16))
}

export function useListWidth(): number {
  return useSyncExternalStore(
    listener => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => listWidth(),
  )
}
