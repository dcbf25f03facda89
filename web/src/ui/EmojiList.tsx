// Completes emoji names in the composer: `:tad` and Enter, or `:tada:`.
import { type RefObject, useEffect, useId, useState } from 'react'
import { useTexts } from '../texts'
import type { Emoji } from './emoji'
import { Listbox } from './Listbox'

/** The emoji that are offered for the name before the cursor, and the active one of them. */
export function useEmojiCompletion(textarea: RefObject<HTMLTextAreaElement | null>, text: string) {
  const id = useId()
  const [found, setFound] = useState<Emoji[]>([])
  const [active, setActive] = useState(0)
  const [dismissedText, setDismissedText] = useState('')
  useEffect(() => {
    const before = text.slice(0, textarea.current?.selectionStart ?? text.length)
    // The list of emoji is fetched only once a colon is typed.
    if (!before.includes(':') || text === dismissedText) return setFound([])
    let wanted = true
    import('./emoji').then(
      ({ emojiQuery, findEmoji }) => {
        if (!wanted) return
        const query = emojiQuery(before)
        setFound(query === null ? [] : findEmoji(query))
        setActive(0)
      },
      () => undefined,
    )
    return () => {
      wanted = false
    }
  }, [textarea, text, dismissedText])
  /** Handles a key. Returns whether it was meant for the list. */
  const onKey = (key: string, pick: (emoji: Emoji) => void): boolean => {
    const chosen = found[active]
    if (!chosen) return false
    if (key === 'ArrowDown') setActive((active + 1) % found.length)
    else if (key === 'ArrowUp') setActive((active + found.length - 1) % found.length)
    else if (key === 'Enter' || key === 'Tab') pick(chosen)
    else if (key === 'Escape') setDismissedText(text)
    else return false
    return true
  }
  /** The emoji of a full name that ends at the cursor, `:tada:`. */
  const named = (before: string) => import('./emoji').then(({ emojiNamed }) => emojiNamed(before)).catch(() => null)
  return { id, found, active, onKey, named }
}

interface ListProps {
  id: string
  found: Emoji[]
  active: number
  onPick: (emoji: Emoji) => void
}

export function EmojiList({ id, found, active, onPick }: ListProps) {
  const t = useTexts()
  if (found.length === 0) return null
  return (
    <Listbox
      id={id}
      label={t.emoji}
      className="emoji-list"
      options={found}
      active={active}
      keyOf={emoji => emoji.name}
      onPick={onPick}
    >
      {emoji => (
        <>
          <span className="emoji" aria-hidden="true">
            {emoji.text}
          </span>
          <span className="option-title">:{emoji.name}:</span>
        </>
      )}
    </Listbox>
  )
}
