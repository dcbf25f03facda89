// What the roles in a workspace may do there.
import type { User } from '../api/types'

/** Whether the user may invite people and change the workspace. */
export function isAdmin(user: User): boolean {
  return user.role !== 'member'
}
