// Completes the word before the cursor, by whichever completer has candidates for it.
import { type RefObject, useEffect, useId, useState } from 'react'
import type { ChatItem } from '../../api/types'
import { useStore } from '../hooks'
import { type Candidate, type Completer, wordAt } from './completer'
import { COMPLETERS } from './completers'
import { isInCode } from './editing'

interface Options {
  item: ChatItem
  textarea: RefObject<HTMLTextAreaElement | null>
  text: string
  /** Replaces a range of the text, and puts the cursor behind the replacement. */
  replace: (start: number, end: number, piece: string) => void
}

interface Found {
  completer: Completer
  candidates: readonly Candidate[]
}

export function useCompletion({ item, textarea, text, replace }: Options) {
  const id = useId()
  const store = useStore()
  const [found, setFound] = useState<Found | null>(null)
  // None at first: Enter sends, unless the user has chosen one.
  const [active, setActive] = useState<number | null>(null)
  const [dismissedText, setDismissedText] = useState('')
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of the chat does not ask again
  useEffect(() => {
    const at = textarea.current?.selectionStart ?? text.length
    const asked = text === dismissedText ? null : completionOf(text, at)
    if (!asked) return setFound(null)
    const stop = new AbortController()
    const { completer, query } = asked
    const find = async () => {
      let first = true
      for await (const candidates of completer.find(query, { store, item }, stop.signal)) {
        if (stop.signal.aborted) return
        setFound(candidates.length > 0 ? { completer, candidates } : null)
        if (first) setActive(null)
        first = false
      }
    }
    // What cannot be found is not offered.
    find().catch(() => undefined)
    return () => stop.abort()
  }, [store, textarea, text, dismissedText])

  const pick = (candidate: Candidate) => {
    const { value = text, selectionStart: end = text.length } = textarea.current ?? {}
    // The user may have typed on since the list was drawn.
    const word = found && wordAt(found.completer, value.slice(0, end))
    if (word) replace(word.start, end, candidate.insert)
  }
  /** Handles a key. Returns whether it was meant for the list. */
  const onKey = (key: string): boolean => {
    if (!found) return false
    const count = found.candidates.length
    const chosen = found.candidates[active ?? (key === 'Tab' ? 0 : -1)]
    if (key === 'ArrowDown') setActive(active === null ? 0 : (active + 1) % count)
    else if (key === 'ArrowUp') setActive(active === null ? count - 1 : (active + count - 1) % count)
    else if ((key === 'Enter' || key === 'Tab') && chosen) pick(chosen)
    else if (key === 'Escape') setDismissedText(text)
    else return false
    return true
  }
  /** Replaces a word that is complete. To be called with each text that was typed. */
  const finish = async (value: string, end: number) => {
    const before = value.slice(0, end)
    const completer = COMPLETERS.find(({ trigger, finish }) => finish && before.endsWith(trigger))
    if (!completer || isInCode(value, end)) return
    const word = await completer.finish?.(before).catch(() => null)
    // Not if the user has typed on meanwhile.
    if (word && textarea.current?.value === value) replace(word.start, end, word.insert)
  }
  return { id, found, active, pick, onKey, finish }
}

/** What may be offered at a position of the text; nothing in code. */
export function completionOf(text: string, at: number): { completer: Completer; query: string } | null {
  const before = text.slice(0, at)
  for (const completer of COMPLETERS) {
    const word = wordAt(completer, before)
    if (word) return isInCode(text, at) ? null : { completer, query: word.query }
  }
  return null
}
