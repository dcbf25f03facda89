// The round picture of a user: initials on the user's own hue.
import { useUser } from './hooks'

export function Avatar({ userId, size = 'm' }: { userId: string; size?: 's' | 'm' | 'l' }) {
  const user = useUser(userId)
  return (
    <span className={`avatar avatar-${size} hue-${hue(userId)}`} aria-hidden="true">
      {user ? initials(user.fullname) : ''}
    </span>
  )
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/)
  const first = [...(words[0] ?? '?')][0] ?? '?'
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : ''
  return (first + last).toUpperCase()
}

/** One of twelve hues, always the same for the same id. */
function hue(id: string): number {
  let hash = 0
  for (const char of id) hash = (hash * 31 + char.charCodeAt(0)) >>> 0
  return hash % 12
}
