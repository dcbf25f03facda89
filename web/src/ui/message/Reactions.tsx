// The reactions under a message: how often each emoji was given, and who did on hover and focus.
import { SmilePlus } from 'lucide-react'
import { lazy, Suspense, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { Message } from '../../api/types'
import { useTexts } from '../../texts'
import { showNotice } from '../CopyNotice'
import { errorSentence } from '../errors'
import { useStore, useView } from '../hooks'

const EmojiPicker = lazy(() => import('./EmojiPicker').then(module => ({ default: module.EmojiPicker })))

interface ReactionsProps {
  message: Message
  may: boolean
  /** Opens the picker for this message. */
  picking: boolean
  onPicking: (picking: boolean) => void
}

export function Reactions({ message, may, picking, onPicking }: ReactionsProps) {
  const t = useTexts()
  const store = useStore()
  const row = useRef<HTMLDivElement>(null)
  // The whole message, so that the picker does not lie over what it says.
  const anchor = useRef<HTMLElement>(null)
  useLayoutEffect(() => {
    anchor.current = row.current?.closest('article') ?? null
  })
  const reactions = message.reactions ?? []
  const give = (emoji: string, given: boolean) => {
    store.messages.react(message, emoji, given).catch((error: unknown) => showNotice(errorSentence(error)))
  }
  if (reactions.length === 0 && !picking) return null
  return (
    <div className="reactions" ref={row}>
      {reactions.map(({ emoji, count, me }) => (
        <Reaction
          key={emoji}
          message={message}
          emoji={emoji}
          count={count}
          mine={me ?? false}
          disabled={!may}
          onToggle={() => give(emoji, !me)}
        />
      ))}
      {may && reactions.length > 0 && (
        <button
          type="button"
          className="reaction reaction-add"
          aria-label={t.react}
          title={t.react}
          onClick={() => onPicking(true)}
        >
          <SmilePlus aria-hidden="true" />
        </button>
      )}
      {picking && (
        <Suspense fallback={null}>
          <EmojiPicker anchor={anchor} onPick={emoji => give(emoji, true)} onClose={() => onPicking(false)} />
        </Suspense>
      )}
    </div>
  )
}

interface ReactionProps {
  message: Message
  emoji: string
  count: number
  mine: boolean
  disabled: boolean
  onToggle: () => void
}

function Reaction({ message, emoji, count, mine, disabled, onToggle }: ReactionProps) {
  const t = useTexts()
  const store = useStore()
  const [who, setWho] = useState<readonly string[]>([])
  const users = useView(view => view.data?.users)
  const names = who.map(id => users?.get(id)?.fullname).filter(name => name !== undefined)
  const [looking, setLooking] = useState(false)
  // Asked while the pointer or the focus is on it, and again when the count has changed.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the count alone says that the answer is another
  useEffect(() => {
    if (!looking) return
    let over = false
    store.messages.reactors(message, emoji).then(
      ids => {
        if (over) return
        setWho(ids)
        for (const id of ids) store.users.request(id)
      },
      () => undefined,
    )
    return () => {
      over = true
    }
  }, [looking, emoji, count])
  return (
    <button
      type="button"
      className="reaction"
      aria-pressed={mine}
      aria-label={t.reactionOf(emoji, count, names)}
      title={names.length > 0 ? t.reactionOf(emoji, count, names) : undefined}
      aria-disabled={disabled || undefined}
      onPointerEnter={() => setLooking(true)}
      onPointerLeave={() => setLooking(false)}
      onFocus={() => setLooking(true)}
      onBlur={() => setLooking(false)}
      onClick={disabled ? undefined : onToggle}
    >
      <span className="emoji" aria-hidden="true">
        {emoji}
      </span>
      <span className="reaction-count">{count}</span>
    </button>
  )
}
