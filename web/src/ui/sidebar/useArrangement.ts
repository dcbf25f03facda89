// The arrangement of the list as it is shown, which holds still while the pointer or the focus is in
// the list.
import { useEffect, useMemo, useRef, useState } from 'react'
import { chatTitle } from '../chats'
import { useMe, useView } from '../hooks'
import { type Arrangement, arrange, inOrder } from './sections'

/** The ids of the chats as the list shows them, for the keys that go from chat to chat. */
let shown: readonly string[] = []

export function shownOrder(): readonly string[] {
  return shown
}

export function useArrangement() {
  const me = useMe()
  const chats = useView(view => view.data?.chats)
  const users = useView(view => view.data?.users)
  const [isPointed, setPointed] = useState(false)
  const [isFocused, setFocused] = useState(false)
  const isHeld = isPointed || isFocused
  const last = useRef<Arrangement | null>(null)
  const arrangement = useMemo(() => {
    const titleOf = (item: Parameters<typeof chatTitle>[0]) => chatTitle(item, me.id, users ?? new Map())
    return arrange(chats ?? new Map(), titleOf, isHeld ? last.current : null)
  }, [chats, users, me.id, isHeld])
  useEffect(() => {
    last.current = arrangement
    shown = inOrder(arrangement)
  }, [arrangement])
  const hold = {
    onPointerEnter: () => setPointed(true),
    onPointerLeave: () => setPointed(false),
    onFocus: () => setFocused(true),
    onBlur: () => setFocused(false),
  }
  return { arrangement, hold }
}
