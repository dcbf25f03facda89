// Finds the box to write in from outside of it.

/** The composer of the pane of an element, or else of the open chat. */
export function composerOf(target: EventTarget | null): HTMLElement | null {
  const composer = '.composer textarea'
  const pane = target instanceof Element ? target.closest('.panel') : null
  return pane?.querySelector<HTMLElement>(composer) ?? document.querySelector<HTMLElement>(`main ${composer}`)
}
