// Changes the text of the box as if the user had typed it, so that the browser can undo it.
import type { Change, Selection } from './editing'

export function selectionOf({ value, selectionStart, selectionEnd }: HTMLTextAreaElement): Selection {
  return { text: value, start: selectionStart, end: selectionEnd }
}

export function applyChange(box: HTMLTextAreaElement, { from, to, insert, start, end }: Change): void {
  box.focus()
  if (from !== to || insert !== '') {
    const expected = box.value.slice(0, from) + insert + box.value.slice(to)
    box.setSelectionRange(from, to)
    // Deprecated, and the only way that keeps what can be undone.
    const done = insert === '' ? document.execCommand('delete') : document.execCommand('insertText', false, insert)
    if (!done || box.value !== expected) {
      box.value = expected
      box.dispatchEvent(new Event('input', { bubbles: true }))
    }
  }
  box.setSelectionRange(start, end)
}

/** Puts a text in the place of what is selected. */
export function insertText(box: HTMLTextAreaElement, insert: string): void {
  const { selectionStart: from, selectionEnd: to } = box
  applyChange(box, { from, to, insert, start: from + insert.length, end: from + insert.length })
}
