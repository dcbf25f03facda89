// What a paste becomes: a link on the selected words, Markdown instead of HTML, or a refusal of what is
// too long. Everything else is up to the browser.
import type { ClipboardEvent } from 'react'
import { useTexts } from '../../texts'
import { showNotice } from '../CopyNotice'
import { hasFiles } from '../files'
import { DRAFT_MAX } from './body'
import { applyChange, insertText, selectionOf } from './box'
import { isInCode, link, linkOfPaste } from './editing'

/** A longer HTML is pasted as plain text. */
const HTML_MAX = 300_000
/** HTML without any of these says nothing that a plain text does not. */
const FORMATTED = /<(?:a\s|b>|b\s|strong|i>|em[\s>]|s>|del|ul|ol|pre|code|blockquote|h[1-6]|table)/i

export function usePaste(onRefuse: (why: string) => void) {
  const t = useTexts()
  return (event: ClipboardEvent<HTMLTextAreaElement>) => {
    const box = event.currentTarget
    const plain = event.clipboardData.getData('text/plain')
    const html = event.clipboardData.getData('text/html')
    const selection = selectionOf(box)
    const room = DRAFT_MAX - (box.value.length - (selection.end - selection.start))
    const refuse = () => onRefuse(t.pasteTooLong(plain.length, DRAFT_MAX))
    if (plain === '' && hasFiles(event.clipboardData)) showNotice(t.filesLater)
    else if (plain.length > room) refuse()
    else {
      const url = linkOfPaste(selection, plain)
      const isFormatted = FORMATTED.test(html.slice(0, HTML_MAX)) && html.length <= HTML_MAX
      if (url) applyChange(box, link(selection, url))
      else if (isFormatted && !isInCode(selection.text, selection.start)) {
        import('./fromHtml')
          .then(({ fromHtml }) => fromHtml(html))
          .catch(() => plain)
          .then(text => (text.length > room ? refuse() : insertText(box, text || plain)))
      } else return
    }
    event.preventDefault()
  }
}
