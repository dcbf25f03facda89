// Creates a link that invites others to the workspace, or has one person invited by mail.
import { Check, Copy } from 'lucide-react'
import { useState } from 'react'
import { unwrap } from '../../api/client'
import { useTexts } from '../../texts'
import { Dialog, DialogActions } from '../Dialog'
import { Field, useForm } from '../forms'
import { useMe, useStore, useView } from '../hooks'
import { keepSteps } from '../sidebar/firstSteps'

export function InvitePeople({ onClose }: { onClose: () => void }) {
  const t = useTexts()
  const store = useStore()
  const me = useMe()
  const workspace = useView(view => view.data?.workspace.id) as string
  const [link, setLink] = useState('')
  const [copied, setCopied] = useState(false)
  const [invited, setInvited] = useState('')
  const [email, setEmail] = useState('')
  const { error, busy, onSubmit } = useForm(async ({ uses, email }) => {
    const body = email ? { email } : { max_uses: Number(uses) }
    const invite = await unwrap(store.api.POST('/api/invites', { body }))
    setInvited(invite.email ?? '')
    keepSteps(workspace, { done: ['invite'] })
    // Without a code, the server has mailed it.
    if (invite.code) setLink(`${location.origin}/signup?invite=${encodeURIComponent(invite.code)}`)
  })
  const copy = async () => {
    await navigator.clipboard.writeText(link)
    setCopied(true)
  }
  return (
    <Dialog title={t.invitePeople} onClose={onClose} className="dialog-s">
      {me.role === 'member' ? (
        <p className="dialog-text">{t.inviteForbidden}</p>
      ) : link ? (
        <>
          <p className="dialog-text">{invited ? t.inviteTextFor(invited) : t.inviteText}</p>
          <div className="copy-row">
            <input readOnly value={link} aria-label={t.inviteLink} onFocus={event => event.target.select()} />
            {/* A page that is not served securely has no clipboard; the user copies by keyboard. */}
            {'clipboard' in navigator && (
              <button type="button" className="button button-primary" onClick={() => void copy()}>
                {copied ? <Check aria-hidden="true" /> : <Copy aria-hidden="true" />}
                {copied ? t.copied : t.copy}
              </button>
            )}
          </div>
        </>
      ) : invited ? (
        <p className="dialog-text" role="status">
          {t.inviteMailed(invited)}
        </p>
      ) : (
        <form onSubmit={onSubmit}>
          {!email && (
            <Field
              label={t.howMany}
              name="uses"
              type="number"
              min={1}
              max={10000}
              defaultValue={10}
              required
              autoFocus
            />
          )}
          <Field
            label={t.inviteEmail}
            name="email"
            type="email"
            placeholder={t.optional}
            hint={t.inviteEmailHint}
            value={email}
            onChange={event => setEmail(event.target.value)}
            error={error?.fields.email}
          />
          <DialogActions action={email ? t.invite : t.makeLink} disabled={busy} onClose={onClose} error={error} />
        </form>
      )}
    </Dialog>
  )
}
