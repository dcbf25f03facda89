// How much larger the reader's text is than usual (16 pixels).

/** Asking the browser is slow with thousands of rows, so its answer is kept for so long. */
const KEPT_MS = 1000

let scale = 1
let askedAt = Number.NEGATIVE_INFINITY

export function textScale(): number {
  if (typeof document === 'undefined') return 1
  const now = performance.now()
  if (now - askedAt > KEPT_MS) {
    scale = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / 16 || 1
    askedAt = now
  }
  return scale
}
