// Creates a further workspace, and switches to it.
import { unwrap } from '../../api/client'
import { useTexts } from '../../texts'
import { Dialog, DialogActions } from '../Dialog'
import { Field, useForm } from '../forms'
import { useStore } from '../hooks'
import { homePath } from '../route'

export function NewWorkspace({ onClose }: { onClose: () => void }) {
  const t = useTexts()
  const store = useStore()
  const { error, busy, onSubmit } = useForm(async ({ workspace: name = '' }) => {
    const { id } = await unwrap(store.api.POST('/api/workspaces', { body: { name } }))
    location.assign(homePath(id))
  })
  return (
    <Dialog title={t.makeWorkspaceTitle} onClose={onClose} className="dialog-s">
      <form onSubmit={onSubmit}>
        <Field
          label={t.workspace}
          name="workspace"
          placeholder={t.workspaceExample}
          required
          autoFocus
          error={error?.fields.name ?? error?.fields.workspace}
        />
        <DialogActions action={t.makeWorkspace} disabled={busy} onClose={onClose} error={error} />
      </form>
    </Dialog>
  )
}
