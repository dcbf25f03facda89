import { useUser } from './hooks'

/** The name of a user. `bdi` keeps its direction of writing apart from the text around it. */
export function UserName({ userId }: { userId: string }) {
  const user = useUser(userId)
  return <bdi>{user?.fullname ?? '…'}</bdi>
}
