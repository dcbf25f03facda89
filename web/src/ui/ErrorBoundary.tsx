// Catches an exception while one part of the window renders. The rest of the window keeps working.
import { Component, type ReactNode } from 'react'
import { texts } from '../texts'
import { EmptyState } from './EmptyState'

interface Props {
  children: ReactNode
  /** What is shown instead; by default, that the page has to be loaded again. */
  fallback?: ReactNode
}

export class ErrorBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false }

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true }
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children
    if (this.props.fallback !== undefined) return this.props.fallback
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
