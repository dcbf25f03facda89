// The workspaces of the account, as the window lists them.
import type { ListedWorkspace } from '../store/slices/workspaces'
import { useSession, useView } from './hooks'

/** All of them, with the one of this page as it is now. */
export function useWorkspaces(): readonly ListedWorkspace[] {
  const session = useSession()
  const listed = useView(view => view.workspaces)
  const here = useView(view => view.data?.workspace)
  const all = listed.length > 0 ? listed : (session.info?.workspaces ?? [])
  return all.map(each => (each.id === here?.id ? here : each))
}
