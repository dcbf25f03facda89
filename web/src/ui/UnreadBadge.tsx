import { useTexts } from '../texts'

export function UnreadBadge({ count }: { count: number }) {
  const t = useTexts()
  return (
    <span className="badge">
      {count > 99 ? '99+' : count}
      <span className="visually-hidden"> {t.unread}</span>
    </span>
  )
}
