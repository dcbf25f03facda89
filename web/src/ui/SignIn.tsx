// The pages to sign in, to sign up, and to accept an invitation.
import { type ReactNode, useEffect, useState } from 'react'
import { ApiError, connectApi, publicApi, unwrap } from '../api/client'
import { texts, useTexts } from '../texts'
import { errorTexts } from './errors'
import { EmailField, Field, FormError, PasswordField, useForm } from './forms'
import { useSession } from './hooks'
import { Link } from './Link'
import { Logo } from './Logo'
import { go, homePath, signInPath } from './route'

export function SignInLayout({
  title,
  lead,
  children,
  foot,
}: {
  title: string
  lead?: ReactNode
  children: ReactNode
  foot: ReactNode
}) {
  return (
    <main className="sign-in">
      <div className="sign-in-card">
        <p className="sign-in-face">
          <Logo />
          <span>
            <strong>Parlor</strong>
            <span className="sign-in-server">{location.host}</span>
          </span>
        </p>
        <h1>{title}</h1>
        {lead && <p className="sign-in-lead">{lead}</p>}
        {children}
        <p className="sign-in-foot">{foot}</p>
      </div>
    </main>
  )
}

/** A user with an invitation is asked about it after signing in. */
export function SignIn({ invite }: { invite: string | null }) {
  const t = useTexts()
  const session = useSession()
  const { error, busy, onSubmit } = useForm(async ({ email = '', password = '' }) => {
    await session.trySignOut()
    await session.signedIn(await unwrap(publicApi.POST('/api/signin', { body: { email, password } })))
  })
  return (
    <SignInLayout
      title={t.signInTitle}
      lead={session.ending === 'ended' && <span role="alert">{t.signedOutElsewhere}</span>}
      foot={
        <>
          {t.newHere} <Link to={signInPath('signup', invite)}>{invite ? t.joinLink : t.makeWorkspaceLink}</Link>
        </>
      }
    >
      <form onSubmit={onSubmit}>
        <EmailField label={t.email} isSignIn autoFocus error={error?.fields.email} />
        <PasswordField label={t.password} error={error?.fields.password} />
        <FormError error={error} />
        <button type="submit" className="button button-primary button-wide" disabled={busy}>
          {busy ? t.signingIn : t.signIn}
        </button>
        <p className="sign-in-foot">
          <Link to="/forgot">{t.forgotLink}</Link>
        </p>
      </form>
    </SignInLayout>
  )
}

export function SignUp({ invite }: { invite: string | null }) {
  const t = useTexts()
  const session = useSession()
  const [preview, setPreview] = useState<{ workspace: string; email: string | null } | { error: string } | null>(null)
  useEffect(() => {
    if (!invite) return
    unwrap(publicApi.GET('/api/invites/{code}', { params: { path: { code: invite } } }))
      .then(({ workspace_name, email }) => setPreview({ workspace: workspace_name, email: email ?? null }))
      .catch(error =>
        setPreview({
          error: error instanceof ApiError && error.status === 404 ? texts().badInvite : errorTexts(error).message,
        }),
      )
  }, [invite])

  const { error, busy, onSubmit } = useForm(async ({ fullname = '', email = '', password = '', workspace }) => {
    const body = invite
      ? { fullname, email, password, invite }
      : { fullname, email, password, workspace: workspace ?? '' }
    await session.trySignOut()
    await session.signedIn(await unwrap(publicApi.POST('/api/signup', { body })))
    go('/', true)
  })
  const accept = useForm(async () => {
    const info = await unwrap(
      connectApi(session).POST('/api/invites/{code}/accept', { params: { path: { code: invite ?? '' } } }),
    )
    location.assign(homePath(info.workspace.id))
  })

  if (invite && !preview)
    return (
      <SignInLayout title={t.lookingAtInvite} foot={null}>
        {null}
      </SignInLayout>
    )
  if (preview && 'error' in preview) {
    return (
      <SignInLayout title={t.badInviteTitle} lead={preview.error} foot={<Link to="/signin">{t.signIn}</Link>}>
        {null}
      </SignInLayout>
    )
  }
  if (preview && session.info) {
    return (
      <SignInLayout
        title={t.joinTitle(preview.workspace)}
        lead={t.joinSignedIn(session.info.user.fullname)}
        foot={<Link to="/">{t.notNow}</Link>}
      >
        <form onSubmit={accept.onSubmit}>
          <FormError error={accept.error} />
          <button type="submit" className="button button-primary button-wide" disabled={accept.busy}>
            {t.join}
          </button>
        </form>
      </SignInLayout>
    )
  }
  return (
    <SignInLayout
      title={preview ? t.joinTitle(preview.workspace) : t.makeWorkspaceTitle}
      lead={preview ? t.joinLead : t.makeWorkspaceLead}
      foot={
        <>
          {t.haveAccount} <Link to={signInPath('signin', invite)}>{t.signIn}</Link>
        </>
      }
    >
      <form onSubmit={onSubmit}>
        {!invite && (
          <Field
            label={t.workspace}
            name="workspace"
            placeholder={t.workspaceExample}
            required
            autoFocus
            error={error?.fields.workspace}
          />
        )}
        <Field
          label={t.yourName}
          name="fullname"
          autoComplete="name"
          required
          autoFocus={Boolean(invite)}
          error={error?.fields.fullname}
        />
        <EmailField
          label={t.email}
          defaultValue={preview?.email ?? undefined}
          readOnly={Boolean(preview?.email)}
          error={error?.fields.email}
        />
        <PasswordField label={t.password} isNew hint={t.passwordHint} error={error?.fields.password} />
        <FormError error={error} />
        <button type="submit" className="button button-primary button-wide" disabled={busy}>
          {busy ? t.oneMoment : preview ? t.join : t.makeWorkspace}
        </button>
      </form>
    </SignInLayout>
  )
}
