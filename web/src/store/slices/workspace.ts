// The workspace that the user is signed in to.
import type { Workspace } from '../../api/types'
import type { Fold } from '../slice'

const fold: Fold<Workspace> = {
  fromSnapshot: snapshot => snapshot.workspace,
  apply: (workspace, event) => (event.type === 'workspace.updated' ? event.workspace : workspace),
}

export const workspace = { fold }
