// Completes the word before the cursor, by whichever completer has candidates for it.
import { type RefObject, useEffect, useId, useState } from 'react'
import type { ChatItem } from '../../api/types'
import { useStore } from '../hooks'
import { type Candidate, type Completer, wordAt } from './completer'
import { COMPLETERS } from './completers'

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
  const [active, setActive] = useState(0)
  const [dismissedText, setDismissedText] = useState('')
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of the chat does not ask again
  useEffect(() => {
    const before = text.slice(0, textarea.current?.selectionStart ?? text.length)
    const asked = text === dismissedText ? null : completionOf(before)
    if (!asked) return setFound(null)
    const stop = new AbortController()
    const { completer, query } = asked
    const find = async () => {
      let first = true
      for await (const candidates of completer.find(query, { store, item }, stop.signal)) {
        if (stop.signal.aborted) return
        setFound(candidates.length > 0 ? { completer, candidates } : null)
        if (first) setActive(0)
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
    const chosen = found?.candidates[active]
    if (!chosen) return false
    const count = found.candidates.length
    if (key === 'ArrowDown') setActive((active + 1) % count)
    else if (key === 'ArrowUp') setActive((active + count - 1) % count)
    else if (key === 'Enter' || key === 'Tab') pick(chosen)
    else if (key === 'Escape') setDismissedText(text)
    else return false
    return true
  }
  /** Replaces a word that is complete. To be called with each text that was typed. */
  const finish = async (value: string, end: number) => {
    const before = value.slice(0, end)
    const completer = COMPLETERS.find(({ trigger, finish }) => finish && before.endsWith(trigger))
    const word = await completer?.finish?.(before).catch(() => null)
    // Not if the user has typed on meanwhile.
    if (word && textarea.current?.value === value) replace(word.start, end, word.insert)
  }
  return { id, found, active, pick, onKey, finish }
}

function completionOf(before: string): { completer: Completer; query: string } | null {
  for (const completer of COMPLETERS) {
    const word = wordAt(completer, before)
    if (word) return { completer, query: word.query }
  }
  return null
}
