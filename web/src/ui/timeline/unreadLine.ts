// The line above the first unread message.
import { useCallback, useEffect, useState } from 'react'
import type { ChatItem } from '../../api/types'
import { usePageActive, useStore } from '../hooks'
import type { Row } from './kinds'

/**
 * The `seq` of the message that the line follows (null: no line), and a function to remove it. The
 * line stays where it was when the chat was opened, however far the user reads. Messages that
 * arrive while the page is not active get a new line.
 */
export function useUnreadLine(item: ChatItem): [after: number | null, clear: () => void] {
  const store = useStore()
  const pageActive = usePageActive()
  const { id, last_root_no } = item.chat
  const [after, setAfter] = useState(item.unread_count > 0 ? item.read_seq : null)
  const [inactiveSince, setInactiveSince] = useState<{ read: number; last: number } | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the values when the page became inactive
  useEffect(
    () => setInactiveSince(pageActive ? null : { read: store.readPositions.readTo(id), last: last_root_no }),
    [store, id, pageActive],
  )
  // In the same render as the message, so that the list knows of the line when it follows to its
  // end.
  if (inactiveSince && last_root_no > inactiveSince.last) {
    setAfter(inactiveSince.read)
    setInactiveSince(null)
  }
  return [after, useCallback(() => setAfter(null), [])]
}

/** Whether the line is in sight when the list is scrolled to its end. True if there is no line. */
export function isLineInSight(rows: readonly Row[], heightOf: (row: Row) => number, availableHeight: number): boolean {
  const line = rows.findIndex(row => row.kind === 'unread')
  if (line < 0) return true
  let height = 0
  for (const row of rows.slice(line)) height += heightOf(row)
  return height <= availableHeight
}
