// All emoji in the user's language, for the picker. A chunk for each language, fetched on demand.
import { deviceStorage } from '../store/storage'

interface CompactEmoji {
  label: string
  unicode: string
  group?: number
  tags?: string[]
  skins?: { unicode: string; label: string }[]
}

export interface Picked {
  readonly text: string
  readonly label: string
  readonly words: string
  readonly group: GroupName
  /** With each skin tone, from light to dark; empty if it has none. */
  readonly toned: readonly string[]
}

export type GroupName =
  | 'recent'
  | 'found'
  | 'smileys'
  | 'people'
  | 'animals'
  | 'food'
  | 'travel'
  | 'activities'
  | 'objects'
  | 'symbols'
  | 'flags'

export interface EmojiGroup {
  readonly name: GroupName
  readonly emoji: readonly Picked[]
}

/** By the number that emojibase gives a group; 2 is made of parts of others. */
const GROUPS: readonly (GroupName | undefined)[] = [
  'smileys', 'people', undefined, 'animals', 'food', 'travel', 'activities', 'objects', 'symbols', 'flags',
] // biome-ignore format: a table
/** The hand without a tone and with each. */
export const TONES = ['✋', '✋🏻', '✋🏼', '✋🏽', '✋🏾', '✋🏿'] as const
const RECENT_KEY = 'parlor.emoji.recent'
const TONE_KEY = 'parlor.emoji.tone'
const RECENT_MAX = 24
const FOUND_MAX = 80

export async function loadEmoji(language: string): Promise<readonly Picked[]> {
  const data =
    language === 'de'
      ? (await import('emojibase-data/de/compact.json')).default
      : (await import('emojibase-data/en/compact.json')).default
  return (data as CompactEmoji[]).flatMap(({ label, unicode, group, tags, skins }) => {
    const name = group === undefined ? undefined : GROUPS[group]
    if (!name) return []
    // Five with one tone each; those with two tones for two people come after them.
    const toned = (skins ?? []).slice(0, TONES.length - 1).map(skin => skin.unicode)
    const words = [label, ...(tags ?? [])].join(' ').toLowerCase()
    return [{ text: unicode, label, words, group: name, toned: skins?.length === TONES.length - 1 ? toned : [] }]
  })
}

/** What the picker shows: what was found, or else what was used lately and then all, in the order of Unicode. */
export function groupsOf(all: readonly Picked[], query: string, recent: readonly string[]): EmojiGroup[] {
  const wanted = query.trim().toLowerCase().split(/\s+/).filter(Boolean)
  if (wanted.length > 0) {
    const found = all.filter(({ words }) => wanted.every(word => words.includes(word)))
    const rank = ({ label }: Picked) => (label.toLowerCase().startsWith(wanted[0] as string) ? 0 : 1)
    const sorted = found.map(emoji => ({ emoji, at: rank(emoji) })).sort((a, b) => a.at - b.at)
    return found.length > 0 ? [{ name: 'found', emoji: sorted.slice(0, FOUND_MAX).map(({ emoji }) => emoji) }] : []
  }
  const byText = new Map(all.map(emoji => [emoji.text, emoji]))
  const used = recent.flatMap(text => byText.get(text) ?? [])
  const groups = GROUPS.flatMap(name => (name ? [{ name, emoji: all.filter(({ group }) => group === name) }] : []))
  return used.length > 0 ? [{ name: 'recent', emoji: used }, ...groups] : groups
}

/** `tone`: an index of TONES. */
export function withTone(emoji: Picked, tone: number): string {
  return emoji.toned[tone - 1] ?? emoji.text
}

export function recentEmoji(): readonly string[] {
  return (deviceStorage.get(RECENT_KEY) ?? '').split(' ').filter(Boolean)
}

export function remember(text: string): void {
  const others = recentEmoji().filter(other => other !== text)
  deviceStorage.set(RECENT_KEY, [text, ...others].slice(0, RECENT_MAX).join(' '))
}

export function skinTone(): number {
  const tone = Number(deviceStorage.get(TONE_KEY) ?? 0)
  return tone in TONES ? tone : 0
}

export function setSkinTone(tone: number): void {
  deviceStorage.set(TONE_KEY, String(tone))
}
