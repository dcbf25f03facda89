// The panel with the pinned messages of a chat.
import { PinOff } from 'lucide-react'
import { useEffect } from 'react'
import { useTexts } from '../texts'
import { EmptyState } from './EmptyState'
import { FormError, useAction } from './forms'
import { OVERLAID, useMedia, useStore, useView } from './hooks'
import { IconButton } from './IconButton'
import { MessageCard } from './MessageCard'
import { Panel, type PanelProps } from './Panel'
import { UserName } from './UserName'

export function PinsPanel({ item }: PanelProps) {
  const t = useTexts()
  const store = useStore()
  const { id } = item.chat
  const pins = useView(view => (view.pins?.chatId === id ? view.pins.items : null))
  // What it lies over is out of reach.
  const overlaid = useMedia(OVERLAID)
  const load = useAction(() => store.pins.open(id))
  const unpin = useAction(store.messages.pin.bind(store.messages))
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each chat
  useEffect(() => {
    load.run()
    return () => store.pins.close()
  }, [store, id])
  return (
    <Panel title={t.pinned} closeLabel={t.closePins}>
      <FormError error={load.error ?? unpin.error} />
      {load.error && (
        <button type="button" className="button" onClick={() => load.run()}>
          {t.tryAgain}
        </button>
      )}
      {pins?.length === 0 && <EmptyState title={t.nothingPinned}>{t.nothingPinnedText}</EmptyState>}
      <ul className="card-list" aria-busy={!pins}>
        {pins?.map(({ message, pinned_by }) => (
          <MessageCard
            key={message.id}
            message={message}
            closes={overlaid}
            about={
              <>
                {t.pinnedBy} <UserName userId={pinned_by} />
              </>
            }
          >
            {item.may.includes('pin') && (
              <IconButton label={t.unpin} className="icon-button-s" onClick={() => unpin.run(message, false)}>
                <PinOff />
              </IconButton>
            )}
          </MessageCard>
        ))}
      </ul>
    </Panel>
  )
}
