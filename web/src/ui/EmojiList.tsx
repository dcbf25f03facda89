// Emoji by name while one writes: `:tad` and Enter.
import { type RefObject, useEffect, useId, useState } from 'react'
import { useTexts } from '../texts'
import type { Emoji } from './emoji'
import { Listbox } from './Listbox'

/** What is offered at the cursor, and which of it is chosen. */
export function useEmoji(area: RefObject<HTMLTextAreaElement | null>, text: string) {
  const id = useId()
  const [found, setFound] = useState<Emoji[]>([])
  const [active, setActive] = useState(0)
  const [refused, setRefused] = useState('')
  useEffect(() => {
    const before = text.slice(0, area.current?.selectionStart ?? text.length)
    // Most of what is written has nothing to do with it, and fetches nothing.
    if (!before.includes(':') || text === refused) return setFound([])
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
  }, [area, text, refused])
  /** Whether the key was meant for the list. */
  const onKey = (key: string, pick: (emoji: Emoji) => void): boolean => {
    const chosen = found[active]
    if (!chosen) return false
    if (key === 'ArrowDown') setActive((active + 1) % found.length)
    else if (key === 'ArrowUp') setActive((active + found.length - 1) % found.length)
    else if (key === 'Enter' || key === 'Tab') pick(chosen)
    else if (key === 'Escape') setRefused(text)
    else return false
    return true
  }
  /** What a name that was just written out stands for. */
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
