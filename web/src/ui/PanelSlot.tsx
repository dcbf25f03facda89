// The place of the one side panel. In a window with little room it lies over the messages, on a phone
// it is a page.
//
// The invariant: after closing, by whatever means, the focus is back where the panel was opened.
import { Suspense, useEffect, useState } from 'react'
import { ErrorBoundary } from './ErrorBoundary'
import { useChat } from './hooks'
import { panelOf } from './panels'
import { closePanel, type PanelAddress } from './route'

export function PanelSlot({ chatId, address }: { chatId: string; address: PanelAddress }) {
  const item = useChat(chatId)
  const kind = panelOf(address)
  // During the first render, while the opener has the focus. On a phone it is about to lose it.
  const [opener] = useState(() => document.activeElement as HTMLElement | null)
  useEffect(() => () => restoreFocus(opener), [opener])
  if (!kind || !item) return null
  return (
    <>
      {/* The keyboard has the panel's own button, and Esc. */}
      {/* biome-ignore lint/a11y/noStaticElementInteractions: see above */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: see above */}
      <div className="panel-scrim" onClick={closePanel} />
      <div className="panel-slot">
        <ErrorBoundary key={`${chatId} ${address.kind} ${address.argument}`}>
          <Suspense>
            <kind.Panel item={item} argument={address.argument} />
          </Suspense>
        </ErrorBoundary>
      </div>
    </>
  )
}

/** Not if the focus is elsewhere already: the panel did not have it. */
function restoreFocus(opener: HTMLElement | null): void {
  if (document.activeElement !== document.body) return
  const usable = opener?.isConnected && opener !== document.body ? opener : null
  const fallback = usable ?? document.querySelector<HTMLElement>('[data-panel]')
  fallback?.focus()
}
