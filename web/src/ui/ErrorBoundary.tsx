// Catches an exception while one part of the window renders. The rest of the window keeps working.
import { Component, type ReactNode } from 'react'
import { texts } from '../texts'
import { EmptyState } from './EmptyState'

export class ErrorBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true }
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children
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
