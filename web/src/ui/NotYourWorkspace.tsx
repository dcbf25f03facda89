// Shown for an address in a workspace that the account is not in.
import type { SignedIn } from '../api/types'
import { useTexts } from '../texts'
import { useSession } from './hooks'
import { homePath } from './route'
import { SignInLayout } from './SignIn'

export function NotYourWorkspace({ info }: { info: SignedIn }) {
  const t = useTexts()
  const session = useSession()
  return (
    <SignInLayout
      title={t.notYourWorkspaceTitle}
      lead={t.notYourWorkspaceText(info.user.fullname)}
      foot={
        <button type="button" className="link-button" onClick={() => session.signOut()}>
          {t.signOut}
        </button>
      }
    >
      <ul className="sign-in-places">
        {info.workspaces.map(({ id, name }) => (
          <li key={id}>
            <a className="button button-wide" href={homePath(id)} dir="auto">
              {t.goToWorkspace(name)}
            </a>
          </li>
        ))}
      </ul>
    </SignInLayout>
  )
}
