/** How well `text` matches what was typed: 0 is no match, a higher score is a better one. */
export function matchScore(text: string, query: string): number {
  const [t, q] = [text.toLowerCase(), query.toLowerCase().trim()]
  if (q === '') return 1
  if (t.startsWith(q)) return 4
  if (t.split(/[\s\-_.]+/).some(word => word.startsWith(q))) return 3
  if (t.includes(q)) return 2
  let at = 0
  for (const char of q) {
    at = t.indexOf(char, at) + 1
    if (at === 0) return 0
  }
  return 1
}
