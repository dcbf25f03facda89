// The messages of a chat: any number of them, of which only those near the eye are drawn; it grows at both ends and never jumps.
import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual'
import { ArrowDown } from 'lucide-react'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import type { ChatItem, Message } from '../api/types'
import { useTexts } from '../texts'
import type { Edited } from './Composer'
import { collapsedText } from './collapse'
import { dayName } from './dates'
import { useChatTitle, useMe, usePageActive, useStore, useView } from './hooks'
import { onMessageKeys } from './keyboard'
import { MessageRow, OutgoingRow } from './MessageRow'
import { go, useVisit } from './route'
import { type Row, rowsOf } from './rows'
import { Skeleton } from './Skeleton'
import { growDownwards, isAboveTheEye, KeptMovement } from './scrolling'
import { isLineInSight, useUnreadLine } from './unread'

interface TimelineProps {
  item: ChatItem
  seq: number | undefined
  onReply: (message: Message) => void
  onEdit: (message: Edited) => void
}

/** So close to the end counts as being there. */
const END_PX = 60
/** So many rows from an edge, more are fetched. */
const EDGE_ROWS = 30
/** What the first placing takes: a few frames of measuring. */
const SETTLE_MS = 150

export function Timeline({ item, seq, onReply, onEdit }: TimelineProps) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const chatId = item.chat.id
  const window = useView(view => view.windows.get(chatId))
  const outgoing = useView(view => view.outgoing)
  const [failed, setFailed] = useState(false)
  const [unreadAfter, clearUnread] = useUnreadLine(item)

  const place = `${chatId} ${seq ?? ''} ${useVisit()}`
  // The place of which all is here that can be had.
  const [opened, setOpened] = useState<string | null>(null)

  const load = useCallback(() => {
    setFailed(false)
    store.messages.open(chatId, seq).then(
      () => setOpened(place),
      () => setFailed(true),
    )
  }, [store, chatId, seq, place])
  useEffect(load, [load])
  // A stretch that was let go is fetched again.
  useEffect(() => {
    if (!window) load()
  }, [window, load])

  const rows = useMemo(
    () =>
      window
        ? rowsOf(
            window,
            outgoing.filter(entry => entry.chat_id === chatId),
            me.id,
            unreadAfter,
          )
        : [],
    [window, outgoing, chatId, me.id, unreadAfter],
  )

  if (!window) {
    return (
      <div className="timeline timeline-empty" aria-busy={!failed}>
        {failed ? (
          <div className="empty-state">
            <p className="empty-state-title">{t.messagesFailed}</p>
            <button type="button" className="button" onClick={load}>
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
      item={item}
      rows={rows}
      seq={seq}
      place={place}
      opened={opened === place}
      more={{ before: window.before, after: window.after }}
      oldest={window.items[0]?.seq}
      newest={window.items.at(-1)}
      onReply={onReply}
      onEdit={onEdit}
      onSent={clearUnread}
    />
  )
}

interface ScrollerProps extends TimelineProps {
  rows: Row[]
  place: string
  opened: boolean
  more: { before: boolean; after: boolean }
  oldest: number | undefined
  newest: Message | undefined
  onSent: () => void
}

function Scroller({ item, rows, seq, place, opened, more, oldest, newest, onReply, onEdit, onSent }: ScrollerProps) {
  const t = useTexts()
  const store = useStore()
  const chatId = item.chat.id
  const scroller = useRef<HTMLDivElement>(null)
  const [atEnd, setAtEnd] = useState(true)
  const [keepMovement] = useState(() => new KeptMovement())
  const pageActive = usePageActive()
  // While I look elsewhere it follows what comes as long as the line above it stays in sight.
  const list = useRef<Virtualizer<HTMLDivElement, Element> | null>(null)
  const heightOf = (row: Row) => list.current?.itemSizeCache.get(row.key) ?? estimate(row)
  const room = (list.current?.scrollRect?.height ?? 0) - END_PX
  const follows = !more.after && (pageActive || isLineInSight(rows, heightOf, room))
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: index => estimate(rows[index]),
    getItemKey: index => rows[index]?.key ?? index,
    overscan: 12,
    anchorTo: 'end',
    followOnAppend: follows,
    scrollEndThreshold: END_PX,
    observeElementOffset: keepMovement.observe,
    scrollToFn: keepMovement.write,
  })
  list.current = virtualizer
  virtualizer.shouldAdjustScrollPositionOnItemSizeChange = isAboveTheEye

  const toLatest = useCallback(() => {
    store.messages
      .loadLatest(chatId)
      .then(() =>
        requestAnimationFrame(() => {
          keepMovement.forget()
          // Not to the row that is the last now: a page that comes above it would make it another one.
          virtualizer.scrollToEnd()
        }),
      )
      .catch(() => undefined)
  }, [store, chatId, virtualizer, keepMovement])

  // Where one begins: at the message of the link, at the first unread, or at the end.
  const isUnread = useRef(false)
  isUnread.current = item.unread_count > 0
  const placed = useRef<string | null>(null)
  // While the scroller finds its place, nothing may be put above it.
  const [settledAt, setSettledAt] = useState<string | null>(null)
  const settled = settledAt === place
  useLayoutEffect(() => {
    if (placed.current === place) return
    keepMovement.forget()
    if (seq !== undefined) {
      const index = rows.findIndex(row => row.kind === 'message' && row.message.seq === seq)
      if (index < 0) {
        // There is no such message: the newest are the next best.
        if (opened) go(`/c/${chatId}`, true)
        return
      }
      virtualizer.scrollToIndex(index, { align: 'center' })
    } else {
      const unread = isUnread.current ? rows.findIndex(row => row.kind === 'unread') : -1
      if (unread >= 0) virtualizer.scrollToIndex(Math.max(0, unread - 1), { align: 'start' })
      else virtualizer.scrollToIndex(rows.length - 1, { align: 'end' })
      if (unread < 0 && more.after) toLatest()
    }
    placed.current = place
  }, [place, opened, seq, rows, more.after, virtualizer, keepMovement, chatId, toLatest])
  useEffect(() => {
    const timer = setTimeout(() => setSettledAt(place), SETTLE_MS)
    return () => clearTimeout(timer)
  }, [place])

  // What comes above my own messages that are still to be sent is not appended, but it moves the end. Where one is, only scrolling says.
  const restsAtEnd = useRef(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: other rows may have another end
  useLayoutEffect(() => {
    if (!settled || !follows || !restsAtEnd.current) return
    keepMovement.forget()
    virtualizer.scrollToEnd()
  }, [rows])

  const items = virtualizer.getVirtualItems()
  const first = items[0]?.index ?? 0
  const last = items.at(-1)?.index ?? 0
  const [resting, setResting] = useState(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: at the very top, a page that came changes nothing else
  useEffect(() => {
    // A failed load is tried again with the next movement, not in a loop.
    if (settled && first < EDGE_ROWS && more.before && !resting) {
      store.messages.loadOlder(chatId).catch(() => {
        setResting(true)
        setTimeout(() => setResting(false), 3000)
      })
    }
  }, [store, chatId, first, more.before, oldest, resting, settled])
  // biome-ignore lint/correctness/useExhaustiveDependencies: the same at the very end
  useEffect(() => {
    if (last >= rows.length - EDGE_ROWS && more.after && !resting) {
      store.messages.loadNewer(chatId).catch(() => {
        setResting(true)
        setTimeout(() => setResting(false), 3000)
      })
    }
  }, [store, chatId, last, rows.length, more.after, newest?.seq, resting])

  // What I have seen with the window before me is read: down to the lowest message that is all in sight.
  const look = useCallback(() => {
    const element = scroller.current
    if (!element) return
    const bottom = element.scrollTop + element.clientHeight
    const isEnd = element.scrollHeight - bottom <= END_PX
    setAtEnd(isEnd)
    if (!pageActive || !settled) return
    const isSeen = ({ index, end }: { index: number; end: number }) =>
      rows[index]?.kind === 'message' && ((isEnd && !more.after) || end <= bottom)
    const lowest = rows[virtualizer.getVirtualItems().findLast(isSeen)?.index ?? -1]
    if (lowest?.kind === 'message') store.readPositions.markRead(chatId, lowest.message.seq)
  }, [virtualizer, rows, more.after, pageActive, settled, store, chatId])
  // biome-ignore lint/correctness/useExhaustiveDependencies: also when other rows are drawn
  useEffect(look, [look, items])

  const toEnd = useCallback(() => {
    onSent()
    // Loaded again, the page is not to go back to the message that a link led to.
    if (seq !== undefined) go(`/c/${chatId}`, true)
    toLatest()
  }, [chatId, seq, toLatest, onSent])

  /** The button is gone then, and the focus with it. */
  const toEndByHand = () => {
    scroller.current?.focus({ preventScroll: true })
    toEnd()
  }

  // My own new message brings me to the end.
  const mine = useView(view => view.outgoing.findLast(entry => entry.chat_id === chatId)?.client_id)
  const lastMine = useRef(mine)
  useEffect(() => {
    if (mine && mine !== lastMine.current) toEnd()
    lastMine.current = mine
  }, [mine, toEnd])

  // A row that is no longer drawn takes the focus along: it goes to the list, and the arrows go on from what is in sight.
  const focused = useRef(false)
  useLayoutEffect(() => {
    if (focused.current && document.activeElement === document.body) scroller.current?.focus({ preventScroll: true })
  })

  const unread = item.unread_count
  return (
    <div className="timeline" data-ready={settled || undefined}>
      <div
        ref={scroller}
        className="scroller"
        onScroll={({ currentTarget: e }) => {
          restsAtEnd.current = e.scrollHeight - e.scrollTop - e.clientHeight <= END_PX
          look()
        }}
        onKeyDown={onMessageKeys}
        onClickCapture={event => {
          if (!(event.target instanceof Element && event.target.closest('.show-more'))) return
          growDownwards(virtualizer)
          restsAtEnd.current = false
        }}
        onFocus={() => {
          focused.current = true
        }}
        onBlur={() => {
          focused.current = false
        }}
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
                <RowView row={row} item={item} seq={seq} onReply={onReply} onEdit={onEdit} />
              </div>
            ) : null
          })}
        </div>
      </div>
      {(!atEnd || more.after) && (
        <button type="button" className="to-end" onClick={toEndByHand}>
          {unread > 0 ? t.newMessages(unread) : t.toNewest}
          <ArrowDown aria-hidden="true" />
        </button>
      )}
    </div>
  )
}

interface RowViewProps extends TimelineProps {
  row: Row
}

function RowView({ row, item, seq, onReply, onEdit }: RowViewProps) {
  const t = useTexts()
  switch (row.kind) {
    case 'day':
      return (
        <div className="day">
          <span>{dayName(row.at)}</span>
        </div>
      )
    case 'unread':
      return (
        <div className="unread-line">
          <span>{t.newLine}</span>
        </div>
      )
    case 'more':
      return <Skeleton />
    case 'start':
      return <Beginning item={item} />
    case 'message':
      return (
        <MessageRow
          message={row.message}
          head={row.head}
          marked={row.message.seq === seq}
          mayDeleteAny={item.may.includes('delete_message_of_others')}
          onReply={onReply}
          onEdit={onEdit}
        />
      )
    case 'outgoing':
      return <OutgoingRow entry={row.entry} head={row.head} onEdit={onEdit} />
  }
}

function Beginning({ item }: { item: ChatItem }) {
  const t = useTexts()
  const title = useChatTitle(item)
  const text = t.beginning[item.chat.kind](title)
  return (
    <div className="beginning">
      <h2 dir="auto">{title}</h2>
      <p>{text}</p>
    </div>
  )
}

function estimate(row: Row | undefined): number {
  if (!row) return 60
  if (row.kind === 'message' || row.kind === 'outgoing') {
    const body = row.kind === 'message' ? row.message.body : row.entry.body
    const shown = collapsedText(body) ?? body
    const lines = shown.split('\n').reduce((sum, line) => sum + 1 + Math.floor(line.length / 95), 0)
    return lines * 22 + (row.head ? 34 : 6)
  }
  return row.kind === 'start' ? 120 : row.kind === 'more' ? 120 : 44
}
