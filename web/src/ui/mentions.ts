/** Whether a text mentions a user: `@Ada` or `@Ada Lovelace`. */
export function isMentioned(text: string, fullname: string): boolean {
  const first = fullname.split(' ')[0] ?? fullname
  const [words, name] = [text.toLowerCase(), `@${first.toLowerCase()}`]
  for (let at = words.indexOf(name); at >= 0; at = words.indexOf(name, at + 1)) {
    const [before, after] = [words[at - 1] ?? ' ', words[at + name.length] ?? ' ']
    if (!/[\p{L}\p{N}]/u.test(before) && !/[\p{L}\p{N}]/u.test(after)) return true
  }
  return false
}
