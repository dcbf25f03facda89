// What people wrote, as they meant it. Raw HTML stays text, dangerous addresses are dropped, pictures from elsewhere are links:
// looking at a message tells nobody anything.
import { memo, type ReactNode, useEffect, useState } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import remarkGfm from 'remark-gfm'
import { chatPath, go } from './route'

const plugins = [remarkGfm]
/** Without any of these it is plain text, and needs no parser. */
const MARKS = /[*_`~#>[\]|<\\!&]|https?:|www\.|@|^\s*(?:[-+]|\d+[.)])\s|\n\s*(?:[-+=]|\d+[.)])|\n\n|^ {4}|---/

const components: Components = {
  a: ({ href, children }) => {
    const here = chatPath(href)
    return here ? (
      <a
        href={here}
        onClick={event => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return
          event.preventDefault()
          go(here)
        }}
      >
        {children}
      </a>
    ) : (
      <a href={href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    )
  },
  img: ({ src, alt }) => (
    <a href={typeof src === 'string' ? src : undefined} target="_blank" rel="noopener noreferrer nofollow">
      {alt || src}
    </a>
  ),
  table: ({ children }) => (
    <div className="table-wrap">
      <table>{children}</table>
    </div>
  ),
  code: ({ className, children }) => {
    const language = /language-([\w+#-]+)/.exec(className ?? '')?.[1]
    const text = String(children)
    return language ? <Code text={text} language={language.toLowerCase()} /> : <code>{children}</code>
  },
  td: ({ children }) => <td>{children}</td>,
  th: ({ children }) => <th>{children}</th>,
  h1: ({ children }) => <p className="md-heading">{children}</p>,
  h2: ({ children }) => <p className="md-heading">{children}</p>,
  h3: ({ children }) => <p className="md-heading">{children}</p>,
  h4: ({ children }) => <p className="md-heading">{children}</p>,
  h5: ({ children }) => <p className="md-heading">{children}</p>,
  h6: ({ children }) => <p className="md-heading">{children}</p>,
}

/** As it is until the colours are there, and where they cannot be had. */
function Code({ text, language }: { text: string; language: string }) {
  const [coloured, setColoured] = useState<ReactNode>(null)
  useEffect(() => {
    let wanted = true
    import('./highlight').then(
      ({ highlighted }) => wanted && setColoured(highlighted(text, language)),
      () => undefined,
    )
    return () => {
      wanted = false
    }
  }, [text, language])
  return <code>{coloured ?? text}</code>
}

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  if (!MARKS.test(text)) return <p>{text}</p>
  return (
    <ReactMarkdown remarkPlugins={plugins} components={components}>
      {text}
    </ReactMarkdown>
  )
})
