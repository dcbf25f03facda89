// The places of the main part of the window, beside the chats, by the name in the address. One line
// each: it gives the page, the entry of the rail, and on a phone the tab.
import { Bookmark, CircleUserRound, Compass, type LucideIcon, MessagesSquare, Settings, Users } from 'lucide-react'
import { type ComponentType, lazy } from 'react'
import type { View } from '../store/view'
import type { Texts } from '../texts/en'
import type { PlaceProps } from './place'
import type { Route } from './route'

export interface PlaceKind {
  label: (texts: Texts) => string
  Icon: LucideIcon
  /** What the tab of a phone says and shows, if not the same. */
  tab?: { label: (texts: Texts) => string; Icon: LucideIcon }
  /** Where its entry is in the rail. */
  rail: 'top' | 'bottom'
  /** How much is new there, and what a screen reader says of it. */
  news?: { count: (view: View) => number; label: (texts: Texts, count: number) => string }
  /** Whether the list of chats stands beside it. */
  hasList: boolean
  Place: ComponentType<PlaceProps>
  load: () => Promise<unknown>
}

/** A chunk of its own, because reading and writing need none of them. */
function place(kind: Omit<PlaceKind, 'Place' | 'load'>, load: () => Promise<ComponentType<PlaceProps>>): PlaceKind {
  return { ...kind, load, Place: lazy(async () => ({ default: await load() })) }
}

export const PLACES = {
  threads: place(
    {
      label: t => t.threads,
      Icon: MessagesSquare,
      rail: 'top',
      hasList: true,
      news: {
        count: ({ data }) => [...(data?.threads.values() ?? [])].filter(thread => thread.unread_count > 0).length,
        label: (t, count) => t.unreadThreads(count),
      },
    },
    async () => (await import('./pages/ThreadsPage')).ThreadsPage,
  ),
  saved: place(
    { label: t => t.savedMessages, Icon: Bookmark, rail: 'top', hasList: true },
    async () => (await import('./pages/SavedPage')).SavedPage,
  ),
  channels: place(
    { label: t => t.channels, Icon: Compass, rail: 'top', hasList: true },
    async () => (await import('./pages/ChannelsPage')).ChannelsPage,
  ),
  people: place(
    { label: t => t.people, Icon: Users, rail: 'top', hasList: true },
    async () => (await import('./pages/PeoplePage')).PeoplePage,
  ),
  settings: place(
    {
      label: t => t.settings,
      Icon: Settings,
      tab: { label: t => t.youTab, Icon: CircleUserRound },
      rail: 'bottom',
      hasList: false,
    },
    async () => (await import('./settings/SettingsPage')).SettingsPage,
  ),
}

/** The place of a route; undefined for the chats, and for a place that there is not. */
export function placeOf(route: Route): PlaceKind | undefined {
  const all: Record<string, PlaceKind> = PLACES
  return route.page === 'place' && Object.hasOwn(all, route.place) ? all[route.place] : undefined
}

/** Fetches the chunks of all places, for a time when the browser is idle. */
export function preloadPlaces(): void {
  for (const { load } of Object.values(PLACES)) load().catch(() => undefined)
}
