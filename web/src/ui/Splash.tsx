// Shown until the session and the first snapshot are loaded.
import { useTexts } from '../texts'
import { Logo } from './Logo'

export function Splash({ unreachable = false }: { unreachable?: boolean }) {
  const t = useTexts()
  return (
    <div className="splash" role="status">
      <Logo />
      <p>{unreachable ? t.unreachable : <span className="visually-hidden">{t.loading}</span>}</p>
    </div>
  )
}
