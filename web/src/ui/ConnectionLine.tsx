// One slim line that tells the truth about the connection, and nothing while all is well.
import { useEffect, useState } from 'react'
import { useView } from './hooks'

/** A reconnect that takes less is nobody's business. */
const GRACE_MS = 1500

export function ConnectionLine() {
  const open = useView(view => view.stream === 'open')
  const waiting = useView(view => view.outgoing.filter(entry => !entry.sent && !entry.refused).length)
  const online = useOnline()
  const [late, setLate] = useState(false)
  useEffect(() => {
    setLate(false)
    if (open) return
    const timer = setTimeout(() => setLate(true), GRACE_MS)
    return () => clearTimeout(timer)
  }, [open])
  const state = !online ? 'offline' : late ? 'connecting' : 'fine'
  const toSend = waiting > 0 ? `, ${waiting} to send` : ''
  return (
    <div className="connection" role="status" data-state={state}>
      {state === 'offline' && `Offline${toSend}`}
      {state === 'connecting' && `Connecting${toSend} …`}
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
