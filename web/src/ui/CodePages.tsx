// The pages that mails lead to, and the one that asks for such a mail. A link alone does nothing:
// programs that look into mails follow links. The user confirms with a button.
import { useEffect, useState } from 'react'
import { publicApi, unwrap } from '../api/client'
import type { EmailPreview } from '../api/types'
import { useTexts } from '../texts'
import { EmailField, FormError, PasswordField, useForm } from './forms'
import { useSession } from './hooks'
import { Link } from './Link'
import { go } from './route'
import { SignInLayout } from './SignIn'

export function ForgotPassword() {
  const t = useTexts()
  const [sent, setSent] = useState(false)
  const { error, busy, onSubmit } = useForm(async ({ email = '' }) => {
    await unwrap(publicApi.POST('/api/password/forgot', { body: { email } }))
    setSent(true)
  })
  return (
    <SignInLayout title={t.forgotTitle} lead={sent ? null : t.forgotLead} foot={<Link to="/signin">{t.signIn}</Link>}>
      {sent ? (
        <p role="status">{t.forgotSent}</p>
      ) : (
        <form onSubmit={onSubmit}>
          <EmailField label={t.email} isSignIn autoFocus error={error?.fields.email} />
          <FormError error={error} />
          <button type="submit" className="button button-primary button-wide" disabled={busy}>
            {busy ? t.oneMoment : t.sendMail}
          </button>
        </form>
      )}
    </SignInLayout>
  )
}

export function ResetPassword({ code }: { code: string }) {
  const t = useTexts()
  const session = useSession()
  const [done, setDone] = useState(false)
  const { error, busy, onSubmit } = useForm(async ({ password = '' }) => {
    await unwrap(publicApi.POST('/api/password/reset', { body: { code, password } }))
    // The server has ended this session, too.
    if (session.info) session.end('left')
    setDone(true)
  })
  return (
    <SignInLayout
      title={t.resetTitle}
      lead={done ? null : t.resetLead}
      foot={<Link to="/forgot">{t.askForAnotherMail}</Link>}
    >
      {done ? (
        <>
          <p role="status">{t.resetDone}</p>
          <button type="button" className="button button-primary button-wide" onClick={() => go('/signin', true)}>
            {t.signIn}
          </button>
        </>
      ) : (
        <form onSubmit={onSubmit}>
          <PasswordField label={t.newPassword} isNew autoFocus hint={t.passwordHint} error={error?.fields.password} />
          <FormError error={error} />
          <button type="submit" className="button button-primary button-wide" disabled={busy}>
            {busy ? t.oneMoment : t.setPassword}
          </button>
        </form>
      )}
    </SignInLayout>
  )
}

export function VerifyEmail({ code }: { code: string }) {
  const t = useTexts()
  const [done, setDone] = useState(false)
  // Whose account it is. Nobody, where the code is not valid: the button then says so.
  const [preview, setPreview] = useState<EmailPreview | 'asked' | null>('asked')
  useEffect(() => {
    unwrap(publicApi.POST('/api/email/preview', { body: { code } })).then(setPreview, () => setPreview(null))
  }, [code])
  const { error, busy, onSubmit } = useForm(async () => {
    await unwrap(publicApi.POST('/api/email/confirm', { body: { code } }))
    setDone(true)
  })
  return (
    <SignInLayout title={t.verifyTitle} lead={done ? null : t.verifyLead} foot={<Link to="/">{t.toParlor}</Link>}>
      {done ? (
        <p role="status">{t.verifyDone}</p>
      ) : (
        <form onSubmit={onSubmit}>
          {preview && preview !== 'asked' && <p>{t.verifyFor(preview.email, preview.places)}</p>}
          <FormError error={error} />
          <button type="submit" className="button button-primary button-wide" disabled={busy || preview === 'asked'}>
            {busy ? t.oneMoment : t.verify}
          </button>
        </form>
      )}
    </SignInLayout>
  )
}
