// Chooses an emoji: search, what was used lately, all of them in their groups, and the skin tone. A
// chunk of its own.
import { Popover } from 'radix-ui'
import { type KeyboardEvent, type RefObject, useContext, useEffect, useId, useMemo, useRef, useState } from 'react'
import { texts, useTexts } from '../../texts'
import {
  type EmojiGroup,
  groupsOf,
  loadEmoji,
  type Picked,
  recentEmoji,
  remember,
  setSkinTone,
  skinTone,
  TONES,
  withTone,
} from '../emojiData'
import { LandmarkContext } from '../Menu'

interface EmojiPickerProps {
  anchor: RefObject<HTMLElement | null>
  onPick: (emoji: string) => void
  onClose: () => void
}

const COLUMNS = 8

export function EmojiPicker({ anchor, onPick, onClose }: EmojiPickerProps) {
  const t = useTexts()
  const [all, setAll] = useState<readonly Picked[] | null>(null)
  const [failed, setFailed] = useState(false)
  const [query, setQuery] = useState('')
  const [tone, setTone] = useState(skinTone())
  const list = useRef<HTMLDivElement>(null)
  const id = useId()
  useEffect(() => {
    loadEmoji(document.documentElement.lang).then(setAll, () => setFailed(true))
  }, [])
  const groups: readonly EmojiGroup[] = useMemo(() => (all ? groupsOf(all, query, recentEmoji()) : []), [all, query])
  const pick = (emoji: Picked) => {
    const text = withTone(emoji, tone)
    remember(emoji.text)
    onPick(text)
    onClose()
  }
  const buttons = () => [...(list.current?.querySelectorAll<HTMLButtonElement>('.emoji-picker-choice') ?? [])]
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const steps: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }
    const step = steps[event.key]
    const at = buttons().indexOf(document.activeElement as HTMLButtonElement)
    const inSearch = at < 0
    if (event.key === 'Enter' && inSearch) {
      buttons()[0]?.click()
      event.preventDefault()
    } else if (step !== undefined && (!inSearch || event.key === 'ArrowDown')) {
      const next = inSearch ? 0 : at + step
      if (next < 0) document.getElementById(`${id}-search`)?.focus()
      else buttons()[Math.min(next, buttons().length - 1)]?.focus()
      event.preventDefault()
    }
  }
  return (
    <Popover.Root open onOpenChange={open => !open && onClose()}>
      <Popover.Anchor virtualRef={anchor as RefObject<HTMLElement>} />
      <Popover.Portal container={useContext(LandmarkContext)}>
        <Popover.Content
          className="emoji-picker"
          aria-label={t.pickEmoji}
          align="start"
          sideOffset={6}
          collisionPadding={8}
          onKeyDown={onKeyDown}
        >
          <div className="emoji-picker-head">
            <input
              id={`${id}-search`}
              type="search"
              className="emoji-picker-search"
              placeholder={t.searchEmoji}
              aria-label={t.searchEmoji}
              value={query}
              onChange={event => setQuery(event.target.value)}
            />
            <select
              className="emoji-picker-tone"
              aria-label={t.skinTone}
              value={tone}
              onChange={event => {
                const next = Number(event.target.value)
                setTone(next)
                setSkinTone(next)
              }}
            >
              {TONES.map((hand, index) => (
                <option key={hand} value={index}>
                  {hand}
                </option>
              ))}
            </select>
          </div>
          <div className="emoji-picker-list" ref={list}>
            {failed && <p className="emoji-picker-none">{t.noConnection}</p>}
            {all && groups.length === 0 && <p className="emoji-picker-none">{t.noEmoji}</p>}
            {groups.map(group => (
              <section key={group.name} aria-label={texts().emojiGroups[group.name]}>
                <h3 className="emoji-picker-group">{t.emojiGroups[group.name]}</h3>
                <div className="emoji-picker-grid">
                  {group.emoji.map(emoji => (
                    <button
                      key={emoji.text}
                      type="button"
                      className="emoji-picker-choice emoji"
                      aria-label={emoji.label}
                      title={emoji.label}
                      onClick={() => pick(emoji)}
                    >
                      {withTone(emoji, tone)}
                    </button>
                  ))}
                </div>
              </section>
            ))}
          </div>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}
