// The line between two days.
import { dayName } from '../../dates'
import type { RowKind } from '../kind'

export const day: RowKind<{ at: string }> = {
  Row: ({ row }) => (
    <div className="day">
      <span>{dayName(row.at)}</span>
    </div>
  ),
  estimate: () => 44,
}
