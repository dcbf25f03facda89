// What owners and admins decide about the workspace: its name, and who may join.
import { unwrap } from '../../api/client'
import type { components } from '../../api/schema'
import type { Workspace } from '../../api/types'
import { useTexts } from '../../texts'
import { Field, FormError, useSavedForm } from '../forms'
import { useStore, useView } from '../hooks'

export function WorkspacePage() {
  const workspace = useView(view => view.data?.workspace)
  if (!workspace) return null
  return (
    <>
      <Name workspace={workspace} />
      <WhoMayJoin workspace={workspace} />
    </>
  )
}

function useSave(workspace: Workspace, changesOf: (values: Record<string, string>) => Changes) {
  const store = useStore()
  return useSavedForm(async values => {
    const params = { path: { id: workspace.id } }
    await unwrap(store.api.PATCH('/api/workspaces/{id}', { params, body: changesOf(values) }))
  })
}
type Changes = components['schemas']['WorkspaceChanges']

function Name({ workspace }: { workspace: Workspace }) {
  const t = useTexts()
  const { error, busy, saved, onSubmit, onChange } = useSave(workspace, ({ name = '' }) => ({ name }))
  return (
    <form className="settings-part settings-row" onSubmit={onSubmit} onChange={onChange}>
      <Field
        label={t.workspaceName}
        name="name"
        defaultValue={workspace.name}
        required
        maxLength={64}
        error={error ? (error.fields.name ?? error.fields.workspace ?? error.message) : undefined}
      />
      <button type="submit" className="button" disabled={busy}>
        {saved ? t.saved : t.save}
      </button>
    </form>
  )
}

function WhoMayJoin({ workspace }: { workspace: Workspace }) {
  const t = useTexts()
  const { error, busy, saved, onSubmit, onChange } = useSave(workspace, ({ verified, domains = '' }) => ({
    verified_only: verified === 'on',
    email_domains: domains
      .split(/[,;]/)
      .map(domain => domain.trim())
      .filter(Boolean),
  }))
  const wrong = Object.entries(error?.fields ?? {}).find(([field]) => field.startsWith('email_domains'))?.[1]
  return (
    <form className="settings-part" onSubmit={onSubmit} onChange={onChange}>
      <h2>{t.whoMayJoin}</h2>
      <p className="dialog-text">{t.whoMayJoinText}</p>
      <label className="check">
        <input type="checkbox" name="verified" defaultChecked={workspace.verified_only} />
        {t.verifiedOnly}
      </label>
      <Field
        label={t.emailDomains}
        name="domains"
        defaultValue={workspace.email_domains.join(', ')}
        placeholder={t.emailDomainsExample}
        hint={t.emailDomainsHint}
        error={wrong}
      />
      <FormError error={error} />
      <button type="submit" className="button" disabled={busy}>
        {saved ? t.saved : t.save}
      </button>
    </form>
  )
}
