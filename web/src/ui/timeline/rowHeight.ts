// Estimates the height of a row until it is drawn and measured.
import { collapsedText } from '../collapse'
import type { Row } from './rows'

export function estimateHeight(row: Row | undefined): number {
  if (!row) return 60
  if (row.kind === 'message' || row.kind === 'outgoing') {
    const body = row.kind === 'message' ? row.message.body : row.entry.body
    const shown = collapsedText(body) ?? body
    const lines = shown.split('\n').reduce((sum, line) => sum + 1 + Math.floor(line.length / 95), 0)
    return lines * 22 + (row.head ? 34 : 6)
  }
  return row.kind === 'start' ? 120 : row.kind === 'more' ? 120 : 44
}
