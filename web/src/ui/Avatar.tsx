// The round picture of a user: initials on the user's own hue.
import { useUser } from './hooks'
import { hue, initials } from './names'

export function Avatar({ userId, size = 'm' }: { userId: string; size?: 's' | 'm' | 'l' }) {
  const user = useUser(userId)
  return (
    <span className={`avatar avatar-${size} hue-${hue(userId)}`} aria-hidden="true">
      {user ? initials(user.fullname) : ''}
    </span>
  )
}
