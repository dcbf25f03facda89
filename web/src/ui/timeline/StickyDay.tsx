// The day of the topmost message in sight, over the messages. Not where its own line is in sight.
import { dayName } from '../dates'
import { useToday } from '../today'
import type { Row } from './kinds'
import type { TimelineVirtualizer } from './scrollAnchoring'

interface StickyDayProps {
  rows: readonly Row[]
  /** Renders its component again when the list is scrolled. */
  virtualizer: TimelineVirtualizer
}

export function StickyDay({ rows, virtualizer }: StickyDayProps) {
  useToday()
  const top = virtualizer.scrollOffset ?? 0
  const first = virtualizer.getVirtualItems().find(item => item.end > top)
  const at = first && dayAbove(rows, first.index)
  if (!at) return null
  // It repeats what a line of the log says.
  return (
    <div className="day-sticky" aria-hidden="true">
      {dayName(at)}
    </div>
  )
}

/** The time of the day that a row belongs to; null if its line is at or right below the row. */
export function dayAbove(rows: readonly Row[], index: number): string | null {
  for (const row of rows.slice(index, index + 2)) if (row.kind === 'day' || row.kind === 'start') return null
  for (let at = index; at >= 0; at--) {
    const row = rows[at]
    if (row?.kind === 'day') return row.at
  }
  // While there are older messages, the first day has no line.
  for (const row of rows.slice(index)) {
    if (row.kind === 'day') return null
    if ('message' in row) return row.message.created_at
  }
  return null
}
