// The line between two days.
import { dayName } from '../../dates'
import { useToday } from '../../today'
import type { RowKind } from '../kind'

export const day: RowKind<{ at: string }> = {
  Row: ({ row }) => {
    useToday()
    return (
      // biome-ignore lint/a11y/useSemanticElements: an hr has no text
      <div className="day" role="separator" aria-label={dayName(row.at)}>
        <span>{dayName(row.at)}</span>
      </div>
    )
  },
  estimate: () => 44,
}
