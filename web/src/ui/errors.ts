// Error texts for users, from the catalogue of their language, by the server's error codes. The
// server's own sentences are never shown: they are English and written for programmers.
import { ApiError, type Refusal } from '../api/client'
import type { InvalidField } from '../api/types'
import { texts } from '../texts'

/** One sentence about the whole request, and one for each field that is wrong. */
export interface ErrorTexts {
  message: string
  fields: Record<string, string>
}

/** Error codes that are about one field, though the server's answer does not name it. */
const FIELD_OF_CODE: Record<string, string> = { chat_name_taken: 'name', workspace_taken: 'workspace' }

export function errorTexts(error: unknown): ErrorTexts {
  if (!(error instanceof ApiError)) return { message: texts().noConnection, fields: {} }
  const named = FIELD_OF_CODE[error.code]
  if (named) return { message: '', fields: { [named]: codeSentence(error) } }
  const fields = Object.fromEntries(error.fields.map(field => [field.pointer.replace(/^\//, ''), fieldSentence(field)]))
  return { message: error.fields.length > 0 && !hasSentence(error.code) ? '' : codeSentence(error), fields }
}

/** The same as one sentence, where there are no fields. */
export function errorSentence(error: unknown): string {
  return error instanceof ApiError ? refusalSentence(error) : texts().noConnection
}

export function refusalSentence(refusal: Refusal): string {
  const [field] = refusal.fields ?? []
  return field && !hasSentence(refusal.code) ? fieldSentence(field) : codeSentence(refusal)
}

function codeSentence({ code }: Refusal): string {
  return texts().troubles[code] ?? texts().troubleOther
}

function fieldSentence({ code, min, max }: InvalidField): string {
  const { rules } = texts()
  return rules[code]?.(min ?? 0, max ?? 0) ?? texts().ruleOther
}

function hasSentence(code: string): boolean {
  return code in texts().troubles
}
