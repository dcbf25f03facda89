// What people wrote, as they meant it. Raw HTML stays text, dangerous addresses are dropped, pictures from elsewhere are links:
// looking at a message tells nobody anything.
import type { Root } from 'hast'
import { Children, memo, type ReactNode, useEffect, useState } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import { remarkGfmParts } from './gfm'
import { chatPath, go } from './route'

const plugins = [remarkGfmParts]
/**
 * Each part goes in the direction of its first letter; what is in a list or a quote goes with it, so that its marks stand below
 * one another.
 */
function rehypeDirection() {
  return (tree: Root) => {
    for (const node of tree.children)
      if (node.type === 'element') node.properties.dir = node.tagName === 'pre' ? 'ltr' : 'auto'
  }
}
const rehypePlugins = [rehypeDirection]
/** Without any of these it is plain text, and needs no parser. */
const MARKS = /[*_`~#>[\]|<\\!&]|https?:|www\.|@|^\s*(?:[-+]|\d+[.)])\s|\n\s*(?:[-+=]|\d+[.)])|\n\n|^ {4}|---/i

const components: Components = {
  a: ({ href, children }) => {
    // Of an address that is not to be followed.
    if (!href) return children
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
  table: ({ dir, children }) => (
    <div className="table-wrap">
      <table dir={dir}>{children}</table>
    </div>
  ),
  code: ({ className, children }) => {
    const language = /language-([\w+#-]+)/.exec(className ?? '')?.[1]
    const text = String(children)
    return language ? <Code text={text} language={language.toLowerCase()} /> : <code dir="auto">{children}</code>
  },
  ul: ({ className, dir, children }) => (
    <ul className={className} dir={dir}>
      {withoutBreaks(children)}
    </ul>
  ),
  ol: ({ className, dir, start = 1, children }) => {
    const digits = String(start + Children.count(withoutBreaks(children)) - 1).length
    return (
      <ol
        className={className}
        start={start}
        dir={dir}
        style={digits > 2 ? { paddingInlineStart: `calc(${digits}ch + 14px)` } : undefined}
      >
        {withoutBreaks(children)}
      </ol>
    )
  },
  li: ({ className, children }) => <li className={className}>{withoutBreaks(children)}</li>,
  // The line break of the text follows it, and is kept.
  br: () => null,
  td: ({ children }) => <td dir="auto">{children}</td>,
  th: ({ children }) => <th dir="auto">{children}</th>,
  h1: Heading,
  h2: Heading,
  h3: Heading,
  h4: Heading,
  h5: Heading,
  h6: Heading,
}

/** The parts of a list without the line breaks of the source between them: within a part they are kept. */
function withoutBreaks(children: ReactNode): ReactNode {
  return Children.toArray(children).filter(child => child !== '\n')
}

function Heading({ dir, children }: { dir?: string; children?: ReactNode }) {
  return (
    <p className="md-heading" dir={dir}>
      {children}
    </p>
  )
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
  return <code dir="ltr">{coloured ?? text}</code>
}

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  if (!MARKS.test(text)) return <p dir="auto">{text}</p>
  return (
    <ReactMarkdown remarkPlugins={plugins} rehypePlugins={rehypePlugins} components={components}>
      {text}
    </ReactMarkdown>
  )
})
