// Loads older and newer messages when the drawn rows come near the first or last loaded one.
import type { VirtualItem } from '@tanstack/react-virtual'
import { useEffect, useRef, useState } from 'react'
import type { ConversationKey } from '../../store/conversation'
import { useStore } from '../hooks'
import type { Row } from './kinds'

/** So many rows before an edge, the next page is loaded. */
const EDGE_ROWS = 30
/** The pause after a failed load. */
const RETRY_MS = 3000

interface Options {
  conversation: ConversationKey
  items: VirtualItem[]
  rows: Row[]
  hasOlder: boolean
  hasNewer: boolean
  oldestSeq: number | undefined
  newestSeq: number | undefined
  positioned: boolean
}

export function useLoadOnScroll(options: Options): void {
  const { conversation, items, rows, hasOlder, hasNewer, oldestSeq, newestSeq, positioned } = options
  const store = useStore()
  const first = items[0]?.index ?? 0
  const last = items.at(-1)?.index ?? 0
  const isNear = useRef({ older: false, newer: false })
  isNear.current = { older: first < EDGE_ROWS, newer: last >= rows.length - EDGE_ROWS }
  const [pausing, setPausing] = useState(false)
  const pause = () => {
    setPausing(true)
    setTimeout(() => setPausing(false), RETRY_MS)
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: at the top, a new page may change `oldestSeq` alone
  useEffect(() => {
    if (!positioned || first >= EDGE_ROWS || !hasOlder || pausing) return
    store.messages.loadOlder(conversation, () => isNear.current.older).catch(pause)
  }, [store, conversation, first, hasOlder, oldestSeq, pausing, positioned])
  // biome-ignore lint/correctness/useExhaustiveDependencies: at the end, a new page may change `newestSeq` alone
  useEffect(() => {
    if (last < rows.length - EDGE_ROWS || !hasNewer || pausing) return
    store.messages.loadNewer(conversation, () => isNear.current.newer).catch(pause)
  }, [store, conversation, last, rows.length, hasNewer, newestSeq, pausing])
}
