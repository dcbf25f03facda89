// Turns pasted HTML into Markdown. A chunk of its own, fetched with the first such paste.
import Turndown from 'turndown'

const service = new Turndown({
  headingStyle: 'atx',
  bulletListMarker: '-',
  codeBlockStyle: 'fenced',
  emDelimiter: '_',
  hr: '---',
})
service.remove(['script', 'style', 'title', 'noscript'])
// Only what would become markup. Turndown's own way also escapes what nobody would take for it.
service.escape = text =>
  text
    .replace(/[\\`*]/g, '\\$&')
    .replace(/(?<!\w)_|_(?!\w)/g, '\\_')
    .replace(/^(?:#{1,6} |>|[-+] )/, '\\$&')
    .replace(/^(\d+)([.)] )/, '$1\\$2')
service.addRule('strikethrough', { filter: ['del', 's'], replacement: content => (content ? `~~${content}~~` : '') })
// Google Docs puts everything into one.
service.addRule('not bold', {
  filter: node => node.nodeName === 'B' && /font-weight:\s*(?:normal|400)/.test(node.getAttribute('style') ?? ''),
  replacement: content => content,
})
service.addRule('image', {
  filter: 'img',
  replacement: (_, node) => {
    const [alt, src] = ['alt', 'src'].map(name => (node as Element).getAttribute(name) ?? '')
    return /^https?:/i.test(src ?? '') ? `![${alt}](${src})` : (alt ?? '')
  },
})
service.addRule('list item', {
  filter: 'li',
  replacement: (content, node) => {
    const list = node.parentNode as Element | null
    const number = Number(list?.getAttribute('start') ?? 1) + Array.from(list?.children ?? []).indexOf(node as Element)
    const marker = list?.nodeName === 'OL' ? `${number}. ` : '- '
    const text = content.trim().replace(/\n/g, `\n${' '.repeat(marker.length)}`)
    return `${marker}${text}${node.nextSibling ? '\n' : ''}`
  },
})
service.addRule('table', {
  filter: 'table',
  replacement: (_, node) => {
    const rows = Array.from((node as Element).getElementsByTagName('tr')).map(row =>
      Array.from(row.children).map(cell => (cell.textContent ?? '').replace(/\s+/g, ' ').trim().replace(/\|/g, '\\|')),
    )
    const columns = Math.max(0, ...rows.map(row => row.length))
    if (columns < 2) return `\n\n${rows.flat().join('\n')}\n\n`
    const line = (cells: string[]) => `| ${Array.from({ length: columns }, (_, i) => cells[i] ?? '').join(' | ')} |`
    const [head = [], ...body] = rows
    return `\n\n${[line(head), `|${' --- |'.repeat(columns)}`, ...body.map(line)].join('\n')}\n\n`
  },
})

export function fromHtml(html: string): string {
  return service
    .turndown(html)
    .replace(/[^\S\n]+$/gm, '')
    .trim()
}
