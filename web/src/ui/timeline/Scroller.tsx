// The scrolling list of a timeline. Only rows near the viewport are drawn. It loads further
// messages as the user scrolls, and marks visible ones as read.
//
// The invariant: what the user reads never moves, whatever is loaded, measured or appended.
import { ArrowDown } from 'lucide-react'
import { useCallback, useRef } from 'react'
import { numberIn, parseConversation } from '../../store/conversation'
import { useTexts } from '../../texts'
import { usePageActive, useStore } from '../hooks'
import { onMessageKeys } from '../keyboard'
import { openChat, replacePanel } from '../route'
import type { RowContext } from './kind'
import type { Row } from './kinds'
import { StickyDay } from './StickyDay'
import { distanceToEnd, growDownwards } from './scrollAnchoring'
import { TimelineRow } from './TimelineRow'
import { useFocusKeeping } from './useFocusKeeping'
import { useFollowEnd } from './useFollowEnd'
import { useInitialPosition } from './useInitialPosition'
import { useLoadOnScroll } from './useLoadOnScroll'
import { useOwnMessage } from './useOwnMessage'
import type { Reading } from './useReading'
import { useReadMarking } from './useReadMarking'
import { useTimelineVirtualizer } from './useTimelineVirtualizer'
import { useUnreadLineInSight } from './useUnreadLineInSight'

interface ScrollerProps extends RowContext {
  rows: Row[]
  reading: Reading
  /** Changes with each navigation; see `Timeline`. */
  place: string
  /** Whether the page of messages for `place` is loaded. */
  loaded: boolean
  hasOlder: boolean
  hasNewer: boolean
  oldestSeq: number | undefined
  newestSeq: number | undefined
  onScrollToEnd: () => void
}

export function Scroller(props: ScrollerProps) {
  const { conversation, item, rows, seq, place, loaded, hasOlder, hasNewer, oldestSeq, newestSeq, onScrollToEnd } =
    props
  const { unread, markRead } = props.reading
  const t = useTexts()
  const store = useStore()
  const chatId = item.chat.id
  const scroller = useRef<HTMLDivElement>(null)
  const pageActive = usePageActive()
  const { virtualizer, adjuster, follows } = useTimelineVirtualizer({ scroller, rows, hasNewer, pageActive })

  const showLatest = useCallback(() => {
    store.messages
      .loadLatest(conversation)
      .then(() =>
        requestAnimationFrame(() => {
          adjuster.forgetMovement()
          // Not to the index of the last row: a page that is added above would change it.
          virtualizer.scrollToEnd()
        }),
      )
      .catch(() => undefined)
  }, [store, conversation, virtualizer, adjuster])

  const forgetSeq = useCallback(() => {
    const { rootId } = parseConversation(conversation)
    if (rootId) replacePanel({ kind: 'thread', argument: rootId })
    else openChat({ chatId }, true)
  }, [conversation, chatId])

  // The order of these hooks matters: their effects run in it.
  const positioned = useInitialPosition({
    numberOf: useCallback(message => numberIn(conversation, message), [conversation]),
    forgetSeq,
    place,
    loaded,
    seq,
    rows,
    hasUnread: unread > 0,
    hasNewer,
    virtualizer,
    adjuster,
    showLatest,
  })
  const toEnd = useFollowEnd({ rows, enabled: positioned && follows, virtualizer, adjuster })
  useUnreadLineInSight({ scroller, rows, pageActive, virtualizer, adjuster })
  const items = virtualizer.getVirtualItems()
  useLoadOnScroll({ conversation, items, rows, hasOlder, hasNewer, oldestSeq, newestSeq, positioned })
  const { atEnd, onPositionChange } = useReadMarking({
    markRead,
    scroller,
    items,
    rows,
    hasNewer,
    pageActive,
    positioned,
    virtualizer,
  })

  const scrollToEnd = useCallback(() => {
    onScrollToEnd()
    // A reload of the page is not to go back to the message of the link.
    if (seq !== undefined) forgetSeq()
    showLatest()
  }, [seq, forgetSeq, showLatest, onScrollToEnd])
  useOwnMessage(conversation, scrollToEnd)
  const focusHandlers = useFocusKeeping(scroller)

  return (
    <div className="timeline" data-ready={positioned || undefined}>
      <div
        ref={scroller}
        className="scroller"
        onScroll={({ currentTarget }) => {
          toEnd.current = distanceToEnd(currentTarget)
          onPositionChange()
        }}
        onKeyDown={onMessageKeys}
        onClickCapture={event => {
          if (!(event.target instanceof Element && event.target.closest('.show-more'))) return
          growDownwards(virtualizer)
          toEnd.current = Number.POSITIVE_INFINITY
        }}
        {...focusHandlers}
        tabIndex={0}
        role="log"
        aria-label={t.messages}
        aria-live="off"
      >
        <div className="scroller-all" style={{ height: virtualizer.getTotalSize() }}>
          {items.map(({ index, key, start }) => {
            const row = rows[index]
            return row ? (
              <div
                key={key}
                ref={virtualizer.measureElement}
                data-index={index}
                className={index === rows.length - 1 ? 'scroller-row scroller-row-last' : 'scroller-row'}
                style={{ transform: `translateY(${start}px)` }}
              >
                <TimelineRow
                  row={row}
                  conversation={conversation}
                  item={item}
                  seq={seq}
                  onReply={props.onReply}
                  onEdit={props.onEdit}
                />
              </div>
            ) : null
          })}
        </div>
      </div>
      <StickyDay rows={rows} virtualizer={virtualizer} />
      {(!atEnd || hasNewer) && (
        <button
          type="button"
          className="to-end"
          onClick={() => {
            // The button disappears, and would take the focus with it.
            scroller.current?.focus({ preventScroll: true })
            scrollToEnd()
          }}
        >
          {unread > 0 ? t.newMessages(unread) : t.toNewest}
          <ArrowDown aria-hidden="true" />
        </button>
      )}
    </div>
  )
}
