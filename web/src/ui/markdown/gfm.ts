// The parts of GitHub Flavored Markdown that messages have. Footnotes are left out, because their
// anchors would be the same in every message. `remark-gfm` cannot leave them out, and is larger.
import { gfmAutolinkLiteralFromMarkdown } from 'mdast-util-gfm-autolink-literal'
import { gfmStrikethroughFromMarkdown } from 'mdast-util-gfm-strikethrough'
import { gfmTableFromMarkdown } from 'mdast-util-gfm-table'
import { gfmTaskListItemFromMarkdown } from 'mdast-util-gfm-task-list-item'
import { cjkFriendlyExtension } from 'micromark-extension-cjk-friendly'
import { gfmStrikethroughCjkFriendly } from 'micromark-extension-cjk-friendly-gfm-strikethrough'
import { gfmAutolinkLiteral } from 'micromark-extension-gfm-autolink-literal'
import { gfmTable } from 'micromark-extension-gfm-table'
import { gfmTaskListItem } from 'micromark-extension-gfm-task-list-item'
import type {} from 'remark-parse' // types of `data()`
import type { Processor } from 'unified'

/** Bare addresses, strikethrough, tables and task lists; emphasis also without spaces around it. */
export function remarkGfmParts(this: Processor): void {
  const data = this.data()
  data.micromarkExtensions ??= []
  data.micromarkExtensions.push(gfmAutolinkLiteral(), gfmTable(), gfmTaskListItem())
  // Emphasis beside letters and punctuation of Chinese, Japanese and Korean.
  data.micromarkExtensions.push(cjkFriendlyExtension(), gfmStrikethroughCjkFriendly())
  // Without this, `[^1]: text` would be a definition, and not be shown.
  data.micromarkExtensions.push({ disable: { null: ['definition'] } })
  data.fromMarkdownExtensions ??= []
  data.fromMarkdownExtensions.push(
    gfmAutolinkLiteralFromMarkdown(),
    gfmStrikethroughFromMarkdown(),
    gfmTableFromMarkdown(),
    gfmTaskListItemFromMarkdown(),
  )
}
