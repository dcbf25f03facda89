// The account: name, e-mail address, password, export, deletion.
import { useEffect, useState } from 'react'
import { unwrap } from '../../api/client'
import type { components } from '../../api/schema'
import { useTexts } from '../../texts'
import { EmailField, Field, FormError, PasswordField, useAction, useForm, useSavedForm } from '../forms'
import { useMe, useSession, useStore } from '../hooks'

type MyAccount = components['schemas']['MyAccount']

export function AccountPage() {
  const store = useStore()
  const me = useMe()
  const [account, setAccount] = useState<MyAccount | null>(null)
  const { run } = useAction(async () => setAccount(await unwrap(store.api.GET('/api/account'))))
  // Loaded again when another device or a mail has changed it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: run is new each time
  useEffect(run, [store, me.email, me.email_verified])
  return (
    <>
      <Profile />
      {account && <EmailAddress account={account} onChange={setAccount} />}
      <Password />
      <LeaveParlor />
    </>
  )
}

function Profile() {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const { error, busy, saved, onSubmit, onChange } = useSavedForm(async ({ fullname = '' }) => {
    await unwrap(store.api.PATCH('/api/users/me', { body: { fullname } }))
  })
  return (
    <form className="settings-part settings-row" onSubmit={onSubmit} onChange={onChange}>
      <Field
        label={t.yourName}
        name="fullname"
        defaultValue={me.fullname}
        required
        maxLength={100}
        error={error ? (error.fields.fullname ?? error.message) : undefined}
      />
      <button type="submit" className="button" disabled={busy}>
        {saved ? t.saved : t.save}
      </button>
    </form>
  )
}

function EmailAddress({ account, onChange }: { account: MyAccount; onChange: (account: MyAccount) => void }) {
  const t = useTexts()
  const store = useStore()
  const [editing, setEditing] = useState(false)
  const [sent, setSent] = useState(false)
  const { error, busy, onSubmit } = useForm(async ({ email = '', password = '' }) => {
    onChange(await unwrap(store.api.POST('/api/account/email', { body: { email, password } })))
    setEditing(false)
  })
  const again = useAction(async () => {
    await unwrap(store.api.POST('/api/account/verification'))
    setSent(true)
  })
  const toConfirm = account.new_email !== null || !account.email_verified
  return (
    <section className="settings-part">
      <h2>{t.email}</h2>
      <p className="account-line">
        <span dir="auto">{account.email}</span>
        <span className="tag">{account.email_verified ? t.verified : t.unverified}</span>
      </p>
      {account.new_email && <p className="field-hint">{t.newEmailWaits(account.new_email)}</p>}
      {!editing && (
        <div className="settings-actions">
          <button type="button" className="button" onClick={() => setEditing(true)}>
            {t.changeEmail}
          </button>
          {account.sends_mail && toConfirm && (
            <button type="button" className="button" onClick={() => again.run()} disabled={again.busy || sent}>
              {sent ? t.mailSent : t.sendMailAgain}
            </button>
          )}
        </div>
      )}
      <FormError error={again.error} />
      {editing && (
        <form onSubmit={onSubmit}>
          <EmailField label={t.newEmail} autoFocus error={error?.fields.email} />
          <PasswordField label={t.currentPassword} error={error?.fields.password} />
          <Actions action={t.changeEmail} busy={busy} error={error} onCancel={() => setEditing(false)} />
        </form>
      )}
    </section>
  )
}

function Password() {
  const t = useTexts()
  const store = useStore()
  const [state, setState] = useState<'closed' | 'editing' | 'changed'>('closed')
  const { error, busy, onSubmit } = useForm(async ({ current_password = '', new_password = '' }) => {
    await unwrap(store.api.POST('/api/account/password', { body: { current_password, new_password } }))
    setState('changed')
  })
  return (
    <section className="settings-part">
      <h2>{t.password}</h2>
      {state === 'editing' ? (
        <form onSubmit={onSubmit}>
          <PasswordField
            label={t.currentPassword}
            name="current_password"
            autoFocus
            error={error?.fields.current_password}
          />
          <PasswordField
            label={t.newPassword}
            isNew
            name="new_password"
            hint={t.newPasswordHint}
            error={error?.fields.new_password}
          />
          <Actions action={t.changePassword} busy={busy} error={error} onCancel={() => setState('closed')} />
        </form>
      ) : (
        <>
          <button type="button" className="button" onClick={() => setState('editing')}>
            {t.changePassword}
          </button>
          <p className="field-hint" role="status">
            {state === 'changed' ? t.passwordChanged : ''}
          </p>
        </>
      )}
    </section>
  )
}

/** At the end: to go, with or without what one wrote. */
function LeaveParlor() {
  const t = useTexts()
  const store = useStore()
  const session = useSession()
  const [deleting, setDeleting] = useState(false)
  const exported = useAction(async () => {
    const lines = await unwrap(store.api.GET('/api/account/export', { parseAs: 'blob' }))
    const link = document.createElement('a')
    link.href = URL.createObjectURL(lines as unknown as Blob)
    link.download = 'parlor-export.ndjson'
    link.click()
    URL.revokeObjectURL(link.href)
  })
  const { error, busy, onSubmit } = useForm(async ({ password = '' }) => {
    await unwrap(store.api.POST('/api/account/delete', { body: { password } }))
    session.signOut()
  })
  return (
    <section className="settings-part">
      <h2>{t.yourData}</h2>
      {deleting ? (
        <form onSubmit={onSubmit}>
          <p className="dialog-text">{t.deleteAccountText}</p>
          <PasswordField label={t.currentPassword} autoFocus error={error?.fields.password} />
          <Actions action={t.deleteAccount} busy={busy} error={error} onCancel={() => setDeleting(false)} danger />
        </form>
      ) : (
        <div className="settings-actions">
          <button type="button" className="button" onClick={() => exported.run()} disabled={exported.busy}>
            {exported.busy ? t.oneMoment : t.exportData}
          </button>
          <button type="button" className="button" onClick={() => setDeleting(true)}>
            {t.deleteAccount}
          </button>
        </div>
      )}
      <FormError error={exported.error} />
    </section>
  )
}

interface ActionsProps {
  action: string
  busy: boolean
  error: Parameters<typeof FormError>[0]['error']
  onCancel: () => void
  danger?: boolean
}

function Actions({ action, busy, error, onCancel, danger = false }: ActionsProps) {
  const t = useTexts()
  return (
    <>
      <FormError error={error} />
      <div className="settings-actions">
        <button type="submit" className={`button ${danger ? 'button-danger' : 'button-primary'}`} disabled={busy}>
          {busy ? t.oneMoment : action}
        </button>
        <button type="button" className="button" onClick={onCancel}>
          {t.cancel}
        </button>
      </div>
    </>
  )
}
