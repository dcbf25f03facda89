/** A message as one line without Markdown, for quotes, notifications and screen readers. */
export function previewText(text: string): string {
  return text
    .replace(/```[\s\S]*?(```|$)/g, block => block.replace(/```\w*/g, ''))
    .replace(/^\s*(?:[-+*]|\d+[.)]) \[([ x])\] /gim, (_, done) => (done === ' ' ? '☐ ' : '☑ '))
    .replace(/^\s*[-+*] /gm, '• ')
    .replace(/[*`~]+|^[#>]+ /gm, '')
    .replace(/(?<!\w)_+|_+(?!\w)/g, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\s+/g, ' ')
    .trim()
}
