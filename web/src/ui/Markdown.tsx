// Renders the Markdown of a message. Raw HTML stays text, unsafe addresses are dropped, and images
// become links.
//
// The invariant: rendering a message loads nothing from elsewhere.
import type { Root } from 'hast'
import { Children, memo, type ReactNode, useEffect, useState } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import { remarkGfmParts } from './gfm'
import { chatOfLink, chatPath, openChat } from './route'

const plugins = [remarkGfmParts]
/**
 * Each block is written in the direction of its first letter. What is inside a list or a quote has
 * the direction of the whole, so that its markers are aligned.
 */
function rehypeDirection() {
  return (tree: Root) => {
    for (const node of tree.children)
      if (node.type === 'element') node.properties.dir = node.tagName === 'pre' ? 'ltr' : 'auto'
  }
}
const rehypePlugins = [rehypeDirection]
/** A text without any of these is not parsed. */
const SYNTAX = /[*_`~#>[\]|<\\!&]|https?:|www\.|@|^\s*(?:[-+]|\d+[.)])\s|\n\s*(?:[-+=]|\d+[.)])|\n\n|^ {4}|---/i

const components: Components = {
  a: ({ href, children }) => {
    // The address was dropped as unsafe.
    if (!href) return children
    const chat = chatOfLink(href)
    return chat ? (
      <a
        href={chatPath(chat)}
        onClick={event => {
          if (event.metaKey || event.ctrlKey || event.shiftKey) return
          event.preventDefault()
          openChat(chat)
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
  // The newline of the source follows it, and is kept.
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

/**
 * The items of a list without the newlines of the source between them; within an item they are
 * kept.
 */
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

/** A code block. Plain until the highlighter is loaded, and if that fails. */
function Code({ text, language }: { text: string; language: string }) {
  const [highlightedCode, setHighlightedCode] = useState<ReactNode>(null)
  useEffect(() => {
    let wanted = true
    import('./highlight').then(
      ({ highlighted }) => wanted && setHighlightedCode(highlighted(text, language)),
      () => undefined,
    )
    return () => {
      wanted = false
    }
  }, [text, language])
  return <code dir="ltr">{highlightedCode ?? text}</code>
}

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  if (!SYNTAX.test(text)) return <p dir="auto">{text}</p>
  return (
    <ReactMarkdown remarkPlugins={plugins} rehypePlugins={rehypePlugins} components={components}>
      {text}
    </ReactMarkdown>
  )
})
