// The user who is signed in.
import type { Event, User } from '../../api/types'
import type { Fold } from '../slice'

/** The user that an event shows as they are now. */
export function changedUser(event: Event): User | null {
  switch (event.type) {
    case 'user.joined':
    case 'user.updated':
    case 'user.deactivated':
      return event.user
    default:
      return null
  }
}

const fold: Fold<User> = {
  fromSnapshot: snapshot => snapshot.user,
  apply: (user, event, me) => {
    const changed = changedUser(event)
    return changed?.id === me ? changed : user
  },
}

export const user = { fold }
