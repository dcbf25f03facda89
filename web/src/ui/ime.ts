// Input methods: while one composes, keys belong to it. Chromium and Firefox say so with each key.
// WebKit ends the composition before the key that ended it, which it marks with the old key code 229
// or, in some versions, not at all.

const COMPOSING_KEY_CODE = 229
/** So long after the end of a composition, WebKit may still send the key that ended it. */
const WEBKIT_MS = 60

let endedAt = Number.NEGATIVE_INFINITY

/** Notes when compositions end. To be called once. */
export function followCompositions(target: EventTarget = window): void {
  target.addEventListener('compositionend', event => noteEnd(event.timeStamp), true)
}

export function noteEnd(at: number): void {
  endedAt = at
}

type Key = Pick<KeyboardEvent, 'isComposing' | 'keyCode' | 'timeStamp'>

/** Whether the key belongs to an input method. Every handler of keys in a text field asks first. */
export function isComposing(key: Key, vendor = navigator.vendor): boolean {
  if (key.isComposing || key.keyCode === COMPOSING_KEY_CODE) return true
  return vendor?.startsWith('Apple') === true && key.timeStamp - endedAt < WEBKIT_MS
}
