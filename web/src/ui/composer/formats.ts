// What can be done to the text in the box: one line each. The bar and the keyboard offer what is here.
import {
  Bold,
  Code,
  Italic,
  Link2,
  List,
  ListOrdered,
  type LucideIcon,
  SquareCode,
  Strikethrough,
  TextQuote,
} from 'lucide-react'
import type { Texts } from '../../texts/en'
import { isMod } from '../hooks'
import { block, type Change, code, link, prefixLines, type Selection, wrap } from './editing'

export interface Format {
  readonly name: keyof Texts['formats']
  readonly Icon: LucideIcon
  /** With Ctrl, or Cmd on a Mac: a letter (`KeyboardEvent.key`), or a place (`KeyboardEvent.code`). */
  readonly key: string
  readonly shift?: boolean
  /** Only where something is selected: the key means something else otherwise. */
  readonly selectedOnly?: boolean
  readonly apply: (selection: Selection) => Change
}

// biome-ignore format: a table
export const FORMATS: readonly Format[] = [
  { name: 'bold', Icon: Bold, key: 'b', apply: selection => wrap('**', selection) },
  { name: 'italic', Icon: Italic, key: 'i', apply: selection => wrap('_', selection) },
  { name: 'strike', Icon: Strikethrough, key: 'x', shift: true, apply: selection => wrap('~~', selection) },
  { name: 'link', Icon: Link2, key: 'k', selectedOnly: true, apply: selection => link(selection) },
  { name: 'code', Icon: Code, key: 'e', apply: code },
  { name: 'block', Icon: SquareCode, key: 'e', shift: true, apply: block },
  { name: 'quote', Icon: TextQuote, key: 'Digit9', shift: true, apply: selection => prefixLines('> ', selection) },
  { name: 'list', Icon: List, key: 'Digit8', shift: true, apply: selection => prefixLines('- ', selection) },
  { name: 'numbers', Icon: ListOrdered, key: 'Digit7', shift: true, apply: selection => prefixLines('1. ', selection) },
]

type Key = Pick<KeyboardEvent, 'key' | 'code' | 'shiftKey' | 'altKey' | 'metaKey' | 'ctrlKey'>

export function formatOfKey(event: Key, { start, end }: Selection): Format | undefined {
  if (!isMod(event) || event.altKey) return undefined
  return FORMATS.find(
    ({ key, shift = false, selectedOnly = false }) =>
      shift === event.shiftKey &&
      (key === event.key.toLowerCase() || key === event.code) &&
      (!selectedOnly || start < end),
  )
}
