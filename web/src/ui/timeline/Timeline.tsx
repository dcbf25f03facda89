// The messages of a conversation. Loads the window of messages and turns it into rows; `Scroller` draws
// them.
import { useCallback, useEffect, useMemo, useState } from 'react'
import { conversationOf, numberIn } from '../../store/conversation'
import { backoff, pause } from '../../store/retry'
import { useTexts } from '../../texts'
import { useMe, useStore, useView } from '../hooks'
import { useNavigationCount } from '../route'
import { Skeleton } from '../Skeleton'
import type { RowContext } from './kind'
import { kindOfMessage } from './kinds'
import { rowsOf } from './rows'
import { Scroller } from './Scroller'
import { useUnreadLine } from './unreadLine'
import { useReading } from './useReading'

/** The pause after the first failure. */
const RETRY_MS = 2000

export function Timeline({ conversation, item, seq, onReply, onEdit }: RowContext) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const window = useView(view => view.windows.get(conversation))
  const outgoing = useView(view => view.outgoing)
  const [failed, setFailed] = useState(false)
  const reading = useReading(conversation, item)
  const [unreadAfter, clearUnread] = useUnreadLine(reading)

  // What the timeline is to show: another value for each navigation, to the same message too.
  const place = `${conversation} ${seq ?? ''} ${useNavigationCount()}`
  const [loadedPlace, setLoadedPlace] = useState<string | null>(null)

  /** Loads until it succeeds, with growing pauses. They end when the network or the stream is back. */
  const load = useCallback(() => {
    const stop = new AbortController()
    const attempt = async () => {
      for (let failures = 1; !stop.signal.aborted; failures++) {
        try {
          await store.messages.open(conversation, seq)
          setFailed(false)
          setLoadedPlace(place)
          return
        } catch {
          setFailed(true)
          await pause(backoff(failures, RETRY_MS, Math.random), stop.signal)
        }
      }
    }
    void attempt()
    return () => stop.abort()
  }, [store, conversation, seq, place])
  useEffect(() => {
    setFailed(false)
    return load()
  }, [load])
  // A window that was dropped is loaded again.
  useEffect(() => {
    if (!window) return load()
  }, [window, load])

  const rows = useMemo(
    () =>
      window
        ? rowsOf(
            window,
            outgoing.filter(entry => conversationOf(entry) === conversation),
            me.id,
            unreadAfter,
            kindOfMessage,
            message => numberIn(conversation, message),
          )
        : [],
    [window, outgoing, conversation, me.id, unreadAfter],
  )

  if (!window) {
    return (
      <div className="timeline timeline-empty" aria-busy={!failed}>
        {failed ? (
          <div className="empty-state">
            <p className="empty-state-title">{t.messagesFailed}</p>
            <button type="button" className="button" onClick={() => void load()}>
              {t.tryAgain}
            </button>
          </div>
        ) : (
          <Skeleton />
        )}
      </div>
    )
  }
  return (
    <Scroller
      conversation={conversation}
      item={item}
      rows={rows}
      seq={seq}
      place={place}
      loaded={loadedPlace === place}
      hasOlder={window.before}
      hasNewer={window.after}
      oldestSeq={window.items[0]?.seq}
      newestSeq={window.items.at(-1)?.seq}
      reading={reading}
      onReply={onReply}
      onEdit={onEdit}
      onScrollToEnd={clearUnread}
    />
  )
}
