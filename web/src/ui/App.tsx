// The root: signing in, signing up, or the workspace of the signed-in user.
import { useEffect, useState, useSyncExternalStore } from 'react'
import type { Early } from '../store/early'
import { backoff, pause } from '../store/retry'
import type { Session } from '../store/session'
import { openStore, type Store } from '../store/store'
import { ForgotPassword, ResetPassword, VerifyEmail } from './CodePages'
import { SessionContext, StoreContext } from './hooks'
import { NotYourWorkspace } from './NotYourWorkspace'
import { go, pathInWorkspace, signInPath, useRoute } from './route'
import { SignIn, SignUp } from './SignIn'
import { Splash } from './Splash'
import { Workspace } from './Workspace'

export function App({ session, early }: { session: Session; early: Early }) {
  const info = useSyncExternalStore(session.subscribe, () => session.info)
  const [state, setState] = useState<'starting' | 'unreachable' | 'known'>('starting')
  const route = useRoute()

  useEffect(() => {
    let stopped = false
    const resume = async () => {
      for (let failures = 1; !stopped; failures++) {
        try {
          await session.resume()
          setState('known')
          return
        } catch {
          if (await session.resumeOffline()) {
            setState('known')
            return
          }
          setState('unreachable')
          await pause(backoff(failures, 1000, Math.random))
        }
      }
    }
    void resume()
    return () => {
      stopped = true
    }
  }, [session])

  const invite = route.page === 'signin' || route.page === 'signup' ? route.invite : null
  const invited = info !== null && invite !== null
  useEffect(() => {
    if (invited && route.page === 'signin') go(signInPath('signup', invite), true)
  }, [invited, invite, route.page])

  // The open chat is not for the user who signs in next.
  const signedOut = session.ending === 'left'
  const { page } = route
  useEffect(() => {
    if (signedOut && page !== 'reset') go('/', true)
  }, [signedOut, page])

  if (!info && state !== 'known') return <Splash unreachable={state === 'unreachable'} />
  return (
    <SessionContext value={session}>
      {route.page === 'verify' ? (
        <VerifyEmail code={route.code} />
      ) : route.page === 'reset' ? (
        <ResetPassword code={route.code} />
      ) : route.page === 'forgot' && !info ? (
        <ForgotPassword />
      ) : info && !invited ? (
        <SignedIn key={`${info.user.id}`} session={session} early={early} />
      ) : invited || route.page === 'signup' ? (
        <SignUp invite={invite} />
      ) : (
        <SignIn invite={invite} />
      )}
    </SessionContext>
  )
}

function SignedIn({ session, early }: { session: Session; early: Early }) {
  const [store, setStore] = useState<Store | null>(null)
  const route = useRoute()
  const info = session.info
  const isDoor = !('workspace' in route)
  const wanted = isDoor ? null : route.workspace
  const isHere = wanted === info?.workspace.id
  const isMine = info?.workspaces.some(({ id }) => id === wanted) === true
  useEffect(() => {
    const next = openStore(session, early.taken ? null : early)
    early.taken = true
    setStore(next)
    return () => next.close()
  }, [session, early])
  useEffect(() => {
    if (!info) return
    if (isDoor) go('/', true)
    else if (wanted === null) go(pathInWorkspace(info.workspace.id), true)
    // Back to an address of before another account signed in here.
    else if (!isHere && isMine) location.reload()
  }, [info, isDoor, wanted, isHere, isMine])
  if (info && wanted !== null && !isHere && !isMine) return <NotYourWorkspace info={info} />
  if (!store || !isHere) return <Splash />
  return (
    <StoreContext value={store}>
      <Workspace />
    </StoreContext>
  )
}
