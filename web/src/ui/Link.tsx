// A link within the client. With a key for a new tab or window, the browser follows it.
import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { go } from './route'

interface LinkProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  to: string
  /** What a plain click does, if not going there. */
  onFollow?: () => void
}

export function Link({ to, onFollow = () => go(to), children, ...rest }: LinkProps) {
  return (
    <a href={to} onClick={event => follow(event, onFollow)} {...rest}>
      {children}
    </a>
  )
}

function follow(event: MouseEvent, onFollow: () => void): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return
  event.preventDefault()
  onFollow()
}
