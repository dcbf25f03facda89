// The round picture of a user: initials on a hue of their own.
import { useUser } from './hooks'
import { hueOf } from './hues'

export function Avatar({ userId, size = 'm' }: { userId: string; size?: 's' | 'm' | 'l' }) {
  const user = useUser(userId)
  return (
    <span className={`avatar avatar-${size} hue-${hueOf(userId)}`} aria-hidden="true">
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
