// The line above the first unread message.
import { useCallback, useEffect, useState } from 'react'
import { usePageActive } from '../hooks'
import type { Row } from './kinds'
import type { Reading } from './useReading'

/**
 * The number of the message that the line follows (null: no line), and a function to remove it. The
 * line stays where it was when the chat was opened, however far the user reads. Messages that
 * arrive while the page is not active get a new line.
 */
export function useUnreadLine({ unread, last, readTo }: Reading): [after: number | null, clear: () => void] {
  const pageActive = usePageActive()
  const [after, setAfter] = useState(() => (unread > 0 ? readTo() : null))
  const [inactiveSince, setInactiveSince] = useState<{ read: number; last: number } | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: the values when the page became inactive
  useEffect(() => setInactiveSince(pageActive ? null : { read: readTo(), last }), [pageActive])
  // In the same render as the message, so that the list knows of the line when it follows to its
  // end.
  if (inactiveSince && last > inactiveSince.last) {
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
