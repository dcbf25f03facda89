// The entry that an open dialog has in the history, so that "back" closes it.
//
// The invariants: a dialog that is closed leaves no entry behind. A navigation out of a dialog takes
// the place of its entry. A dialog that replaces another one keeps that one's entry.

interface EntryState {
  readonly dialog?: boolean
}

/** So long it may take at most to go back: a browser may have lost the entry before. */
const RETURN_MS = 1000

let openDialogs = 0
/** Whether the history is going back from the entry of a closed dialog, which takes a moment. */
let returning = false
const waiting: (() => void)[] = []

export function isDialogEntry(): boolean {
  return ((history.state ?? {}) as EntryState).dialog === true
}

/** Runs `work` now, or when the entry of a closed dialog is gone. */
export function afterReturn(work: () => void): void {
  if (returning) waiting.push(work)
  else work()
}

/** Gives an open dialog its entry. Returns what is to be called when it is closed. */
export function enterDialog(onBack: () => void): () => void {
  let open = true
  openDialogs++
  afterReturn(() => {
    if (open && !isDialogEntry()) history.pushState({ ...history.state, dialog: true }, '')
  })
  const onPop = () => {
    if (!returning && !isDialogEntry()) onBack()
  }
  addEventListener('popstate', onPop)
  return () => {
    open = false
    openDialogs--
    removeEventListener('popstate', onPop)
    // Not if another dialog takes its place at once, and keeps the entry.
    setTimeout(() => {
      if (openDialogs > 0 || returning || !isDialogEntry()) return
      returning = true
      addEventListener('popstate', returned, { once: true })
      setTimeout(returned, RETURN_MS)
      history.back()
    })
  }
}

function returned(): void {
  if (!returning) return
  returning = false
  removeEventListener('popstate', returned)
  for (const work of waiting.splice(0)) work()
}
