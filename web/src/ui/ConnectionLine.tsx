// A line that shows when the client is offline, reconnecting, or cannot send. Hidden otherwise.
import { useEffect, useState } from 'react'
import { useTexts } from '../texts'
import { useView } from './hooks'

/** A shorter reconnect is not shown. */
const GRACE_MS = 1500
/** A message that is unsent for longer is shown, even while the stream is open. */
const STUCK_MS = 3000

export function ConnectionLine() {
  const t = useTexts()
  const open = useView(view => view.stream === 'open')
  const waiting = useView(view => view.outgoing.filter(entry => !entry.sent && !entry.refused).length)
  const online = useOnline()
  const stuck = useLate(waiting > 0, STUCK_MS)
  const late = useLate(!open, GRACE_MS)
  const state = !online ? 'offline' : late ? 'connecting' : stuck ? 'stuck' : 'fine'
  const toSend = waiting > 0 ? `, ${t.toSend(waiting)}` : ''
  return (
    <div className="connection" role="status" data-state={state}>
      {state === 'offline' && `${t.offline}${toSend || `. ${t.sentLater}`}`}
      {state === 'connecting' && `${t.connecting}${toSend} …`}
      {state === 'stuck' && t.stuck(waiting)}
    </div>
  )
}

function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine)
  useEffect(() => {
    const update = () => setOnline(navigator.onLine)
    addEventListener('online', update)
    addEventListener('offline', update)
    return () => {
      removeEventListener('online', update)
      removeEventListener('offline', update)
    }
  }, [])
  return online
}

/** Whether `holds` has been true for so long. */
function useLate(holds: boolean, milliseconds: number): boolean {
  const [late, setLate] = useState(false)
  useEffect(() => {
    setLate(false)
    if (!holds) return
    const timer = setTimeout(() => setLate(true), milliseconds)
    return () => clearTimeout(timer)
  }, [holds, milliseconds])
  return late
}
