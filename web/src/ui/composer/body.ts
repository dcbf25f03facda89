// What is sent of the text in the box, and how a text that is too long is split. Pure.

/** The limit of the server, in characters. */
export const BODY_MAX = 16_000
/** The limit of the box: so many messages at most. */
export const PARTS_MAX = 10
export const DRAFT_MAX = BODY_MAX * PARTS_MAX

/** Without empty lines around it. The first line keeps its indentation, which may be that of code. */
export function bodyOf(text: string): string {
  return text.replace(/^(?:[^\S\n]*\n)+/, '').trimEnd()
}

/** The length as the server counts; exact near the limit only, since it is slow. */
export function lengthOf(text: string): number {
  return text.length > BODY_MAX - 500 ? [...bodyOf(text)].length : text.length
}

/** Parts that the server takes, cut between lines where possible. A block of code goes on in the next. */
export function split(text: string, max = BODY_MAX): string[] {
  const parts: string[] = []
  let part: string[] = []
  let [size, fence] = [0, '']
  // Room for the fence that closes a block, and for the cuts.
  const room = max - 20
  const push = () => {
    const body = bodyOf(part.join('\n'))
    if (body.trim() !== '') parts.push(fence ? `${body}\n${marksOf(fence)}` : body)
    part = fence ? [fence] : []
    size = fence.length + 1
  }
  for (const line of bodyOf(text)
    .split('\n')
    .flatMap(line => pieces(line, room - 100))) {
    const length = [...line].length + 1
    if (size + length > room && part.length > (fence ? 1 : 0)) push()
    part.push(line)
    size += length
    const marks = /^ {0,3}(?:`{3,}|~{3,})/.exec(line)?.[0].trim() ?? ''
    if (fence && marks.startsWith(marksOf(fence)) && line.trim() === marks) fence = ''
    else if (!fence && marks && line.length < 80) fence = line
  }
  push()
  return parts
}

function marksOf(fence: string): string {
  return /(?:`{3,}|~{3,})/.exec(fence)?.[0] ?? ''
}

function pieces(line: string, max: number): string[] {
  if (line.length <= max) return [line]
  const characters = [...line]
  const count = Math.ceil(characters.length / max)
  return Array.from({ length: count }, (_, i) => characters.slice(i * max, (i + 1) * max).join(''))
}
