// What went wrong, in the words of the catalogues: never in those of the server, which are English and for programmers.
import { Refused, type Why } from '../api/client'
import type { InvalidField } from '../api/types'
import { texts } from '../texts'

/** What went wrong: one sentence, and what belongs to single fields. */
export interface Trouble {
  message: string
  fields: Record<string, string>
}

/** Refusals that are about one field, though the server does not say so. */
const AT: Record<string, string> = { chat_name_taken: 'name', workspace_taken: 'workspace' }

export function troubleOf(error: unknown): Trouble {
  if (!(error instanceof Refused)) return { message: texts().noConnection, fields: {} }
  const at = AT[error.code]
  if (at) return { message: '', fields: { [at]: sayCode(error) } }
  const fields = Object.fromEntries(error.fields.map(field => [field.pointer.replace(/^\//, ''), sayField(field)]))
  return { message: error.fields.length > 0 && !isSaid(error.code) ? '' : sayCode(error), fields }
}

/** The same where there is room for one sentence alone. */
export function sayTrouble(error: unknown): string {
  return error instanceof Refused ? sayWhy(error) : texts().noConnection
}

export function sayWhy(why: Why): string {
  const [field] = why.fields ?? []
  return field && !isSaid(why.code) ? sayField(field) : sayCode(why)
}

function sayCode({ code }: Why): string {
  return texts().troubles[code] ?? texts().troubleOther
}

function sayField({ code, min, max }: InvalidField): string {
  const { rules } = texts()
  return rules[code]?.(min ?? 0, max ?? 0) ?? texts().ruleOther
}

function isSaid(code: string): boolean {
  return code in texts().troubles
}
