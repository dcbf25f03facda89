// Shows outside of the page that something is unread for the user: a dot in the icon of the tab, and a
// count on the icon of the installed app.
import { useEffect } from 'react'
import { isChannel } from './chats'
import { useView } from './hooks'

/** Channels do not count: in a busy place something is always unread there. */
export function useUnreadMark(): void {
  const count = useView(({ data }) => {
    let sum = 0
    for (const item of data?.chats.values() ?? []) if (!isChannel(item)) sum += item.unread_count
    return sum
  })
  useEffect(() => {
    show(count)
    return () => show(0)
  }, [count])
}

function show(count: number): void {
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  const href = count > 0 ? '/icon-unread.svg' : '/icon.svg'
  if (icon && icon.getAttribute('href') !== href) icon.href = href
  // Only in an installed app, and refused elsewhere.
  const badge = count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.()
  badge?.catch(() => undefined)
}
