// A block of code: its language, and what can be done with it. Plain until the highlighter is loaded,
// and if that fails.
import { Copy, TextWrap } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { useTexts } from '../../texts'
import { copyText } from '../CopyNotice'
import { IconButton } from '../IconButton'
import { useScrollable } from './useScrollable'

export function CodeBlock({ text, language }: { text: string; language: string | undefined }) {
  const t = useTexts()
  const [wrapped, setWrapped] = useState(false)
  const [ref, scrollable] = useScrollable<HTMLPreElement>()
  const highlightedCode = useHighlighted(text, language)
  return (
    <div className="code-block" dir="ltr" data-wrapped={wrapped || undefined}>
      <div className="code-head">
        {language && <span className="code-language">{language}</span>}
        {(scrollable || wrapped) && (
          <IconButton
            label={t.wrapLines}
            className="icon-button-s"
            aria-pressed={wrapped}
            onClick={() => setWrapped(!wrapped)}
          >
            <TextWrap />
          </IconButton>
        )}
        <IconButton label={t.copyCode} className="icon-button-s" onClick={() => copyText(text.replace(/\n$/, ''))}>
          <Copy />
        </IconButton>
      </div>
      <pre ref={ref} {...(scrollable && { tabIndex: 0, role: 'group', 'aria-label': t.code })}>
        <code>{highlightedCode ?? text}</code>
      </pre>
    </div>
  )
}

function useHighlighted(text: string, language: string | undefined): ReactNode {
  const [highlightedCode, setHighlightedCode] = useState<ReactNode>(null)
  useEffect(() => {
    if (!language) return
    let wanted = true
    import('./highlight').then(
      ({ highlighted }) => wanted && setHighlightedCode(highlighted(text, language)),
      () => undefined,
    )
    return () => {
      wanted = false
    }
  }, [text, language])
  return highlightedCode
}
