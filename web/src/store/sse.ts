// An incremental parser of Server-Sent Events, as the HTML standard defines them.

export interface Frame {
  event: string
  data: string
  /** The id of this frame, if it has one. */
  id: string | null
}

export class SseParser {
  private rest = ''
  private start = true
  private event = ''
  private data: string[] = []
  private id: string | null = null
  private readonly onFrame: (frame: Frame) => void
  private readonly onRetry: (milliseconds: number) => void

  constructor(onFrame: (frame: Frame) => void, onRetry: (milliseconds: number) => void) {
    this.onFrame = onFrame
    this.onRetry = onRetry
  }

  push(text: string): void {
    let buffer = this.rest + text
    if (this.start && buffer.length > 0) {
      if (buffer.startsWith('\uFEFF')) buffer = buffer.slice(1)
      this.start = false
    }
    let from = 0
    for (let at = 0; at < buffer.length; at++) {
      const char = buffer[at]
      if (char !== '\n' && char !== '\r') continue
      // A CR at the end of the text may be the first half of CRLF: wait for the next character.
      if (char === '\r' && at + 1 === buffer.length) break
      this.line(buffer.slice(from, at))
      if (char === '\r' && buffer[at + 1] === '\n') at++
      from = at + 1
    }
    this.rest = buffer.slice(from)
  }

  private line(line: string): void {
    if (line === '') {
      this.dispatch()
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) return
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') this.event = value
    else if (field === 'data') this.data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.onRetry(Number(value))
  }

  private dispatch(): void {
    const frame = { event: this.event || 'message', data: this.data.join('\n'), id: this.id }
    const empty = this.data.length === 0
    this.event = ''
    this.data = []
    this.id = null
    if (!empty) this.onFrame(frame)
  }
}
