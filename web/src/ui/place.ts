// What each place of the window gets.
import type { Overlay } from './Overlays'

export interface PlaceProps {
  /** What stands behind the place in the address. Any text, since links are input. */
  argument: string | null
  onOverlay: (overlay: Overlay) => void
}
