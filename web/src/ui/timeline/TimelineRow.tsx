// One row of a timeline, drawn by its kind.
import type { ComponentType } from 'react'
import type { RowContext } from './kind'
import { ROW_KINDS, type Row } from './kinds'

export function TimelineRow({ row, ...context }: RowContext & { row: Row }) {
  const kind = ROW_KINDS[row.kind]
  const Row = kind.Row as ComponentType<RowContext & { row: Row; kind: typeof kind }>
  return <Row row={row} kind={kind} {...context} />
}
