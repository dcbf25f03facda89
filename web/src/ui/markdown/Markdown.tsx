// Renders the Markdown of a message. Raw HTML stays text, unsafe addresses are dropped, and images
// become links.
//
// The invariant: rendering a message loads nothing from elsewhere.
import type { Root, RootContent, Text } from 'hast'
import { Children, memo, type ReactNode } from 'react'
import ReactMarkdown, { type Components, defaultUrlTransform } from 'react-markdown'
import type { VFile } from 'vfile'
import { useTexts } from '../../texts'
import { ErrorBoundary } from '../ErrorBoundary'
import { chatOfLink, chatPath, openChat } from '../route'
import { parsablePart, remarkBounds } from './bounds'
import { CodeBlock } from './CodeBlock'
import { remarkCjkLinks } from './cjk'
import { remarkGfmParts } from './gfm'
import { useScrollable } from './useScrollable'

const plugins = [remarkGfmParts, remarkBounds, remarkCjkLinks]
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
/** A text that would show nothing (`#`, `[]()`, an empty block of code) is shown as it is. */
function rehypeSource() {
  return (tree: Root, file: VFile) => {
    if (tree.children.some(isSeen)) return
    const source: Text = { type: 'text', value: String(file) }
    tree.children = [{ type: 'element', tagName: 'p', properties: {}, children: [source] }]
  }
}
function isSeen(node: RootContent): boolean {
  if (node.type === 'text') return node.value.trim() !== ''
  // Raw HTML is shown as text.
  if (node.type !== 'element') return node.type === 'raw'
  const { alt, src } = node.properties
  if (node.tagName === 'img') return Boolean(alt || defaultUrlTransform(String(src ?? '')))
  return node.tagName === 'hr' || node.tagName === 'input' || node.children.some(isSeen)
}
const rehypePlugins = [rehypeSource, rehypeDirection]
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
  img: ({ src, alt }) => {
    // The address was dropped as unsafe.
    if (typeof src !== 'string' || src === '') return alt
    return (
      <a href={src} target="_blank" rel="noopener noreferrer nofollow">
        {alt || src}
      </a>
    )
  },
  table: Table,
  pre: ({ node }) => {
    const [code] = node?.children ?? []
    if (code?.type !== 'element') return null
    const language = /language-([\w+#-]+)/.exec(String(code.properties.className ?? ''))?.[1]
    const [text] = code.children
    return <CodeBlock text={text?.type === 'text' ? text.value : ''} language={language?.toLowerCase()} />
  },
  code: ({ children }) => <code dir="auto">{children}</code>,
  input: ({ checked }) => <Task done={Boolean(checked)} />,
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
        style={digits > 2 ? { paddingInlineStart: `calc(${digits}ch + 0.875rem)` } : undefined}
      >
        {withoutBreaks(children)}
      </ol>
    )
  },
  li: ({ className, children }) => <li className={className}>{withoutBreaks(children)}</li>,
  // The newline of the source follows it, and is kept.
  br: () => null,
  td: ({ style, children }) => (
    <td dir="auto" style={style}>
      {children}
    </td>
  ),
  th: ({ style, children }) => (
    <th dir="auto" style={style}>
      {children}
    </th>
  ),
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

function Heading({ node, dir, children }: { node?: { tagName: string }; dir?: string; children?: ReactNode }) {
  const large = node?.tagName === 'h1' || node?.tagName === 'h2'
  return (
    <p className={large ? 'md-heading md-heading-large' : 'md-heading'} dir={dir}>
      {children}
    </p>
  )
}

function Table({ dir, children }: { dir?: string | undefined; children?: ReactNode }) {
  const t = useTexts()
  const [ref, scrollable] = useScrollable<HTMLDivElement>()
  return (
    <div ref={ref} className="table-wrap" {...(scrollable && { tabIndex: 0, role: 'group', 'aria-label': t.table })}>
      <table dir={dir}>{children}</table>
    </div>
  )
}

function Task({ done }: { done: boolean }) {
  const t = useTexts()
  return <input type="checkbox" checked={done} disabled aria-label={done ? t.taskDone : t.taskOpen} />
}

function Source({ text }: { text: string }) {
  return <p dir="auto">{text}</p>
}

/** A text that cannot be drawn after all is shown as it is, and takes down nothing else. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  if (!SYNTAX.test(text)) return <Source text={text} />
  const end = parsablePart(text)
  const rest = text.slice(end).replace(/^\n+/, '')
  return (
    <ErrorBoundary key={text} fallback={<Source text={text} />}>
      {end > 0 && (
        <ReactMarkdown remarkPlugins={plugins} rehypePlugins={rehypePlugins} components={components}>
          {text.slice(0, end)}
        </ReactMarkdown>
      )}
      {rest && <Source text={rest} />}
    </ErrorBoundary>
  )
})
