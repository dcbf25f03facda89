// How much is new in a place, beside its entry.
import { useTexts } from '../texts'
import { useView } from './hooks'
import type { PlaceKind } from './places'

export function PlaceNews({ news }: Pick<PlaceKind, 'news'>) {
  const t = useTexts()
  const count = useView(view => news?.count(view) ?? 0)
  if (!news || count === 0) return null
  return (
    <span className="badge place-news">
      <span aria-hidden="true">{count > 99 ? '99+' : count}</span>
      <span className="visually-hidden">{news.label(t, count)}</span>
    </span>
  )
}
