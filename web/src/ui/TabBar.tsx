// On a phone, the tabs at the foot of the pages that one can begin at.
import { House } from 'lucide-react'
import { useTexts } from '../texts'
import { Link } from './Link'
import { PlaceNews } from './PlaceNews'
import { PLACES } from './places'
import { isAt } from './Rail'
import { homePath, placePath, type Route } from './route'

export function TabBar({ route }: { route: Route }) {
  const t = useTexts()
  const tabs = [
    { name: null, to: homePath(), label: t.home, Icon: House, news: undefined },
    ...Object.entries(PLACES).map(([name, { label, Icon, tab, news }]) => ({
      name,
      to: placePath(name),
      label: (tab?.label ?? label)(t),
      Icon: tab?.Icon ?? Icon,
      news,
    })),
  ]
  return (
    <nav className="tab-bar" aria-label={t.places}>
      {tabs.map(({ name, to, label, Icon, news }) => (
        <Link key={label} to={to} className="tab" aria-current={isAt(route, name) ? 'page' : undefined}>
          <Icon aria-hidden="true" />
          <PlaceNews news={news} />
          <span>{label}</span>
        </Link>
      ))}
    </nav>
  )
}
