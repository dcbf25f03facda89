// The hue of each user. It is given in turn, so that the people of a small team all differ, and kept on
// this device, so that it stays.
import { deviceStorage } from '../store/storage'

/** styles/avatar.css has so many. */
const HUES = 12
/** So many people are remembered. */
const PEOPLE_MAX = 500
const KEY = 'parlor.hues'

let known: Map<string, number> | null = null

export function hueOf(userId: string): number {
  known ??= read()
  const hue = known.get(userId)
  if (hue !== undefined) return hue
  const given = leastGiven(known.values())
  known.set(userId, given)
  if (known.size > PEOPLE_MAX) known.delete(known.keys().next().value as string)
  deviceStorage.set(KEY, JSON.stringify(Object.fromEntries(known)))
  return given
}

/** The first of those that the fewest people have. */
function leastGiven(given: Iterable<number>): number {
  const counts = new Array<number>(HUES).fill(0)
  for (const hue of given) counts[hue] = (counts[hue] ?? 0) + 1
  return counts.indexOf(Math.min(...counts))
}

function read(): Map<string, number> {
  try {
    const entries = Object.entries(JSON.parse(deviceStorage.get(KEY) ?? '{}') as Record<string, unknown>)
    return new Map(entries.filter((entry): entry is [string, number] => isHue(entry[1])))
  } catch {
    return new Map()
  }
}

function isHue(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < HUES
}
