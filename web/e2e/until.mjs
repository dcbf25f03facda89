/**
 * Waits until `holds` returns something true, and returns it. An exception ends the wait at once.
 */
export async function until(what, holds, milliseconds = Number(process.env.E2E_PATIENCE_MS ?? 120_000)) {
  const deadline = Date.now() + milliseconds
  for (;;) {
    const found = await holds()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`never: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
