// The line above what is new.
import { useCallback, useEffect, useState } from 'react'
import type { ChatItem } from '../api/types'
import { usePageActive, useStore } from './hooks'
import type { Row } from './rows'

/**
 * Behind which message the line stands, and a way to take it off. It stays where it was when I came, however far I read meanwhile;
 * what comes while I look elsewhere has its own when I look again.
 */
export function useUnreadLine(item: ChatItem): [after: number | null, clear: () => void] {
  const store = useStore()
  const pageActive = usePageActive()
  const { id, last_seq } = item.chat
  const [after, setAfter] = useState(item.unread_count > 0 ? item.read_seq : null)
  const [left, setLeft] = useState<{ read: number; last: number } | null>(null)
  // biome-ignore lint/correctness/useExhaustiveDependencies: as it was when I looked away
  useEffect(
    () => setLeft(pageActive ? null : { read: store.readPositions.readTo(id), last: last_seq }),
    [store, id, pageActive],
  )
  // Together with the first message that comes, so that the list knows of the line when it follows to its end.
  if (left && last_seq > left.last) {
    setAfter(left.read)
    setLeft(null)
  }
  return [after, useCallback(() => setAfter(null), [])]
}

/** Whether the line is still in sight once the list has followed to its end; without one there is nothing to lose. */
export function isLineInSight(rows: readonly Row[], heightOf: (row: Row) => number, room: number): boolean {
  const line = rows.findIndex(row => row.kind === 'unread')
  if (line < 0) return true
  let height = 0
  for (const row of rows.slice(line)) height += heightOf(row)
  return height <= room
}
