// What GitHub adds to Markdown, as far as it has a place in a message. Footnotes have none: their anchors would be those of other
// messages too. `remark-gfm` has no choice of parts, and brings along what writes Markdown.
import { gfmAutolinkLiteralFromMarkdown } from 'mdast-util-gfm-autolink-literal'
import { gfmStrikethroughFromMarkdown } from 'mdast-util-gfm-strikethrough'
import { gfmTableFromMarkdown } from 'mdast-util-gfm-table'
import { gfmTaskListItemFromMarkdown } from 'mdast-util-gfm-task-list-item'
import { gfmAutolinkLiteral } from 'micromark-extension-gfm-autolink-literal'
import { gfmStrikethrough } from 'micromark-extension-gfm-strikethrough'
import { gfmTable } from 'micromark-extension-gfm-table'
import { gfmTaskListItem } from 'micromark-extension-gfm-task-list-item'
import type {} from 'remark-parse' // the types of what is put into its data
import type { Processor } from 'unified'

/** Bare addresses, ~~struck through~~, tables and lists of tasks. */
export function remarkGfmParts(this: Processor): void {
  const data = this.data()
  data.micromarkExtensions ??= []
  data.micromarkExtensions.push(gfmAutolinkLiteral(), gfmStrikethrough(), gfmTable(), gfmTaskListItem())
  // `[^1]: words` would be taken for one, and not be shown at all.
  data.micromarkExtensions.push({ disable: { null: ['definition'] } })
  data.fromMarkdownExtensions ??= []
  data.fromMarkdownExtensions.push(
    gfmAutolinkLiteralFromMarkdown(),
    gfmStrikethroughFromMarkdown(),
    gfmTableFromMarkdown(),
    gfmTaskListItemFromMarkdown(),
  )
}
