// Estimates the height of a message until it is drawn and measured.
import { collapsedText } from '../collapse'

export function textHeight(body: string, head: boolean): number {
  const shown = collapsedText(body) ?? body
  const lines = shown.split('\n').reduce((sum, line) => sum + 1 + Math.floor(line.length / 95), 0)
  return lines * 22 + (head ? 34 : 6)
}
