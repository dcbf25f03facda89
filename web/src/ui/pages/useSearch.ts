// A list of things that the server searches and gives by pages.
import { useEffect, useState } from 'react'
import { useAction } from '../forms'

/** Debounce of the search. */
const SEARCH_MS = 120

interface Page<T> {
  items: T[]
  has_more: boolean
}

/** `fetchPage` gives the page after an item; without one, the first. It must depend on `word` alone. */
export function useSearch<T extends { id: string }>(word: string, fetchPage: (after?: string) => Promise<Page<T>>) {
  const [page, setPage] = useState<Page<T> | null>(null)
  const search = useAction(async (isWanted: () => boolean) => {
    const found = await fetchPage()
    if (isWanted()) setPage(found)
  })
  const { run } = search
  // biome-ignore lint/correctness/useExhaustiveDependencies: the word decides
  useEffect(() => {
    let wanted = true
    const timer = setTimeout(() => run(() => wanted), SEARCH_MS)
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [word])
  const more = useAction(async () => {
    const after = page?.items.at(-1)?.id
    if (!page || !after) return
    const next = await fetchPage(after)
    setPage({ items: [...page.items, ...next.items], has_more: next.has_more })
  })
  return {
    items: page?.items ?? null,
    hasMore: page?.has_more === true,
    more,
    error: more.error ?? search.error,
    /** Set after a search has failed. */
    retry: search.error ? () => run(() => true) : null,
  }
}
