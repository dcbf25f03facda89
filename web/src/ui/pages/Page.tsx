// The frame of a place that is no chat: its head with the title, and a column with the rest.
import type { ReactNode } from 'react'
import { useTexts } from '../../texts'
import type { useSearch } from './useSearch'

export function Page({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <div className="page">
      <header className="page-head">
        <h1>{title}</h1>
        {actions}
      </header>
      <div className="page-scroll">
        <div className="page-column">{children}</div>
      </div>
    </div>
  )
}

/** What stands under a list that is searched: a retry, or more of it. */
export function SearchFoot({ search }: { search: Pick<ReturnType<typeof useSearch>, 'retry' | 'hasMore' | 'more'> }) {
  const t = useTexts()
  return (
    <>
      {search.retry && (
        <button type="button" className="button" onClick={search.retry}>
          {t.tryAgain}
        </button>
      )}
      {search.hasMore && (
        <button type="button" className="button button-wide" disabled={search.more.busy} onClick={search.more.run}>
          {t.more}
        </button>
      )}
    </>
  )
}
