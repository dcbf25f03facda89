// The panels that can be open beside a chat, by the kind in the address. One slot, one line each.
import { type ComponentType, lazy } from 'react'
import type { PanelProps } from './Panel'
import { closePanel, openPanel, type PanelAddress } from './route'

interface PanelKind {
  Panel: ComponentType<PanelProps>
  load: () => Promise<unknown>
}

/** A chunk of its own, because reading and writing need none of them. */
function panel(load: () => Promise<ComponentType<PanelProps>>): PanelKind {
  return { load, Panel: lazy(async () => ({ default: await load() })) }
}

const PANELS = {
  thread: panel(async () => (await import('./ThreadPanel')).ThreadPanel),
  members: panel(async () => (await import('./MembersPanel')).MembersPanel),
  pins: panel(async () => (await import('./PinsPanel')).PinsPanel),
}

export type PanelName = keyof typeof PANELS

/** The panel of an address; undefined if there is none of that kind. */
export function panelOf(address: PanelAddress | null): PanelKind | undefined {
  const all: Record<string, PanelKind> = PANELS
  return address && Object.hasOwn(all, address.kind) ? all[address.kind] : undefined
}

/** What a button that opens and closes a panel needs; the focus comes back to it. */
export function panelButton(kind: PanelName, open: PanelAddress | null, argument: string | null = null) {
  const pressed = open?.kind === kind && open.argument === argument
  return {
    'data-panel': kind,
    'aria-pressed': pressed,
    onClick: () => (pressed ? closePanel() : openPanel({ kind, argument })),
  }
}

/** Fetches the chunks of all panels, for a time when the browser is idle. */
export function preloadPanels(): void {
  for (const { load } of Object.values(PANELS)) load().catch(() => undefined)
}
