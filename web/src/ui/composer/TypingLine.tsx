// Says who types. No live region: it changes often, and says nothing that lasts.
import { useEffect } from 'react'
import { useTexts } from '../../texts'
import { useStore, useView } from '../hooks'

const NOBODY: readonly string[] = []

export function TypingLine({ chatId }: { chatId: string }) {
  const t = useTexts()
  const store = useStore()
  const ids = useView(view => view.typing.get(chatId) ?? NOBODY)
  const users = useView(view => view.data?.users)
  useEffect(() => {
    for (const id of ids) store.users.request(id)
  }, [store, ids])
  const names = ids.flatMap(id => users?.get(id)?.fullname ?? [])
  if (ids.length === 0 || names.length < Math.min(ids.length, 2)) return null
  return (
    <span className="composer-typing" dir="auto">
      {t.typing(names)}
    </span>
  )
}
