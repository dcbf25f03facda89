// What a completer of the composer is: it offers what a word that begins with its trigger may become.
// `completers.ts` lists them; each has a file in `completers/`.
import type { ReactNode } from 'react'
import type { ChatItem } from '../../api/types'
import type { Store } from '../../store/store'
import type { Texts } from '../../texts/en'

export interface Candidate {
  /** Unique in the list. */
  readonly key: string
  /** What takes the place of the word, trigger included. */
  readonly insert: string
  readonly row: ReactNode
}

export interface CompletionContext {
  readonly store: Store
  readonly item: ChatItem
}

export interface Completer {
  /** One character, at the start of a word. */
  readonly trigger: string
  /** The rest of the word, for which there may be candidates. */
  readonly accepts: RegExp
  /** The name of the list, for screen readers. */
  readonly label: (t: Texts) => string
  /**
   * The candidates for the rest of the word, in one list or several. A later list only appends to
   * the one before, so that nothing moves under the user. `signal` aborts when they are not wanted
   * any more.
   */
  find(query: string, context: CompletionContext, signal: AbortSignal): AsyncIterable<readonly Candidate[]>
  /** What a word that ends with the trigger too becomes by itself: `:tada:`. */
  finish?(before: string): Promise<{ start: number; insert: string } | null>
}

/** The longest word that is looked at. */
const WORD_MAX = 64

/** The word that ends at the cursor, if the completer may have candidates for it. */
export function wordAt({ trigger, accepts }: Completer, before: string): { start: number; query: string } | null {
  const start = before.lastIndexOf(trigger)
  if (start < 0 || before.length - start > WORD_MAX) return null
  const query = before.slice(start + trigger.length)
  const isAtStart = start === 0 || /[\s(]/.test(before[start - 1] ?? '')
  return isAtStart && accepts.test(query) ? { start, query } : null
}
