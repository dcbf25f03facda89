// A title and a text where there is nothing else to show.
import type { ReactNode } from 'react'

/** With `page` it is all there is on the screen, and its title is the heading of the page. */
export function EmptyState({
  title,
  page = false,
  children,
}: {
  title: ReactNode
  page?: boolean
  children?: ReactNode
}) {
  const Title = page ? 'h1' : 'p'
  return (
    <div className="empty-state">
      <Title className="empty-state-title" dir="auto">
        {title}
      </Title>
      {children && <div className="empty-state-text">{children}</div>}
    </div>
  )
}
