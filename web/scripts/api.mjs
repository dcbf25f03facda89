// Generates src/api/schema.ts from the OpenAPI document. With --check, it only checks that the file
// is up to date.
import { readFile, writeFile } from 'node:fs/promises'
import openapiTS, { astToString } from 'openapi-typescript'

const target = new URL('../src/api/schema.ts', import.meta.url)
const document = JSON.parse(await readFile(new URL('../../tests/snapshots/openapi.json', import.meta.url), 'utf8'))

const head = '// Generated from tests/snapshots/openapi.json by `npm run api`. Do not edit.\n'
const text = head + astToString(await openapiTS(document)) + changesMay(document.components.schemas)
if (process.argv.includes('--check')) {
  if (text !== (await readFile(target, 'utf8').catch(() => ''))) {
    console.error('src/api/schema.ts is not what the API document says: run `npm run api`.')
    process.exit(1)
  }
} else {
  await writeFile(target, text)
}

/** Each type of event with its `x-changes-may`, which openapi-typescript ignores. */
function changesMay(schemas) {
  const lines = Object.entries(schemas.Event.discriminator.mapping).map(([type, reference]) => {
    const whose = schemas[reference.split('/').at(-1)]['x-changes-may'] ?? null
    return `    ${JSON.stringify(type)}: ${JSON.stringify(whose)},\n`
  })
  return `
/** Every type of event, and whose permissions it can change: see \`Event\`. */
export const changesMay: Record<components["schemas"]["Event"]["type"], "chat" | "member" | "user" | null> = {
${lines.join('')}};
`
}
