// What readers of Chinese, Japanese and Korean expect: a bare address ends before their punctuation,
// which GitHub Flavored Markdown takes for a part of it. (Emphasis is up to an extension of the
// parser.)
import type { Link, Parents, PhrasingContent, Root } from 'mdast'
import type { Processor } from 'unified'
import type { VFile } from 'vfile'

/** The punctuation, brackets and quotation marks of these scripts. */
const END = /[\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65“”‘’…]/
/** The rest of so many addresses is parsed; what follows further ones stays text. */
const RESTS_MAX = 20

export function remarkCjkLinks(this: Processor) {
  return (tree: Root, file: VFile) => {
    const text = String(file)
    let rests = 0
    const parsed = (rest: string): PhrasingContent[] => {
      if (++rests > RESTS_MAX) return [{ type: 'text', value: rest }]
      // A letter before it, so that nothing in it begins a list or the like.
      const [first] = (this.parse(`.${rest}`) as Root).children
      if (first?.type !== 'paragraph') return [{ type: 'text', value: rest }]
      const children = first.children
      if (children[0]?.type === 'text') children[0].value = children[0].value.slice(1)
      for (const child of children) forgetPositions(child)
      return children
    }
    const visit = (parent: Parents) => {
      for (let index = 0; index < parent.children.length; index++) {
        const child = parent.children[index]
        if (child?.type === 'link') {
          const cut = isBare(child, text) ? END.exec(linkText(child))?.index : undefined
          if (!cut) continue
          const rest = linkText(child).slice(cut)
          shorten(child, cut)
          parent.children.splice(index + 1, 0, ...(parsed(rest) as never[]))
        } else if (child && 'children' in child) visit(child)
      }
    }
    visit(tree)
  }
}

/** Whether it stands in the text as it is, without brackets. */
function isBare(link: Link, text: string): boolean {
  const start = link.position?.start.offset
  // In what was parsed a second time, only bare addresses have their own text as their address.
  if (start === undefined) return link.url.endsWith(linkText(link))
  return link.children.length === 1 && /^[hw]/i.test(text[start] ?? '')
}

function linkText(link: Link): string {
  const [only] = link.children
  return only?.type === 'text' ? only.value : ''
}

function shorten(link: Link, length: number): void {
  const text = linkText(link)
  const prefix = link.url.startsWith(text) ? '' : link.url.slice(0, link.url.length - text.length)
  link.url = prefix + text.slice(0, length)
  link.children = [{ type: 'text', value: text.slice(0, length) }]
}

function forgetPositions(node: PhrasingContent): void {
  delete node.position
  if ('children' in node) for (const child of node.children) forgetPositions(child)
}
