/** Waits until `holds` gives something true, and returns that. What it throws on the way is an error at once. */
export async function until(what, holds, milliseconds = 120_000) {
  const deadline = Date.now() + milliseconds
  for (;;) {
    const found = await holds()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`never: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
