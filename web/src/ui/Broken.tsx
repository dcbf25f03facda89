// Keeps what breaks in one part of the window from taking the rest with it.
import { Component, type ReactNode } from 'react'
import { texts } from '../texts'
import { EmptyState } from './EmptyState'

export class Guard extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false }

  static getDerivedStateFromError(): { broken: boolean } {
    return { broken: true }
  }

  override render(): ReactNode {
    if (!this.state.broken) return this.props.children
    const t = texts()
    return (
      <div className="welcome" role="alert">
        <EmptyState page title={t.brokenTitle}>
          <p>{t.brokenText}</p>
          <button type="button" className="button button-primary" onClick={() => location.reload()}>
            {t.reload}
          </button>
        </EmptyState>
      </div>
    )
  }
}
