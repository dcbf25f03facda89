import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ApiError } from '../api/client'
import { en } from '../texts/en'
import { errorSentence, errorTexts } from './errors'

const SERVER = '../chat_server/src'
const sources = readdirSync(SERVER, { recursive: true, encoding: 'utf8' })
  // The kinds of jobs, consumers, mailed codes and security events look like codes of errors.
  .filter(
    name => name.endsWith('.rs') && !['jobs.rs', 'consumers.rs', 'db/account_codes.rs', 'security.rs'].includes(name),
  )
  .map(name => readFileSync(`${SERVER}/${name}`, 'utf8').split('#[cfg(test)]')[0] ?? '')
  .concat(
    ['../chat_core/src/text.rs', '../http_server/src/problem.rs'].map(
      name => readFileSync(name, 'utf8').split('#[cfg(test)]')[0] ?? '',
    ),
  )
  .join('\n')
const found = (...marks: RegExp[]) =>
  new Set(marks.flatMap(mark => [...sources.matchAll(mark)].map(hit => hit[1] ?? '')))

/**
 * Codes that only a bug in the client causes, or that the client handles without telling the user.
 */
const UNSEEN = [
  'idempotency_key_reused',
  'invalid',
  'malformed',
  'method_not_allowed',
  'refresh_token_invalid',
  'refresh_token_reused',
  'token_expired',
  'unauthenticated',
  'unsupported_media_type',
]
const UNSEEN_RULES = [
  'differs',
  'exclusive',
  'invalid',
  'not_ascii',
  'not_public',
  'not_wanted',
  'system_message',
  'unknown_field',
]

it('has a sentence for every error code of the server', () => {
  const codes = found(
    /code: "(\w+)"/g,
    /conflict\(\s*"(\w+)"/g,
    /StatusCode::\w+, "(\w+)"\)/g,
    /StatusCode::\w+ => \("(\w+)"/g,
  )
  for (const known of ['wrong_credentials', 'chat_name_taken', 'not_found', 'timeout']) expect(codes).toContain(known)
  expect([...codes].filter(code => !(code in en.troubles) && !UNSEEN.includes(code))).toEqual([])
  // Codes of fields: the error itself is `invalid`.
  const rules = found(
    /ApiError::(?:invalid|wrong_count)\(\s*[^,]+,\s*"(\w+)"/g,
    /InvalidField::new\([^,]+,\s*"(\w+)"/g,
    /Self::new\(pointer, "(\w+)"/g,
    /"(?:missing|unknown) field", "(\w+)"/g,
    /invalid\("(\w+)", "[^"]+"\)/g,
    /Self::\w+(?:\(_\))? => "(\w+)",/g,
  )
  for (const known of ['too_long', 'out_of_range', 'missing', 'unknown_user']) expect(rules).toContain(known)
  const said = (rule: string) => rule in en.rules || rule in en.troubles
  expect([...rules].filter(rule => !said(rule) && !UNSEEN_RULES.includes(rule))).toEqual([])
})

it('describes a wrong field in its own words, with the limits that the server names', () => {
  const short = { pointer: '/password', code: 'too_short', min: 8, detail: 'must have at least 8 characters' }
  const refused = new ApiError(422, { code: 'invalid', detail: short.detail, errors: [short] })
  expect(errorTexts(refused)).toEqual({ message: '', fields: { password: 'At least 8 characters.' } })
  expect(errorSentence(refused)).toBe('At least 8 characters.')
})

it('never shows sentences of the server or the browser', () => {
  const field = { pointer: '/name', code: 'of_next_year', detail: 'must rhyme' }
  const refusals = [
    new ApiError(418, { code: 'of_next_year', detail: 'must rhyme' }),
    new ApiError(422, { code: 'invalid', detail: 'must rhyme', errors: [field] }),
    new ApiError(500, undefined),
    new TypeError('Failed to fetch'),
  ]
  expect(refusals.map(errorSentence)).toEqual([en.troubleOther, en.ruleOther, en.troubleOther, en.noConnection])
})
