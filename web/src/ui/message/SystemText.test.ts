import { expect, it } from 'vitest'
import type { Message } from '../../api/types'
import { de } from '../../texts/de'
import { en, type Texts } from '../../texts/en'
import { systemText } from './SystemText'

type Line = NonNullable<Message['system']>
const NAMES: Record<string, string> = { a: 'Ada', b: 'Ben', c: 'Cleo', d: 'Dora', e: 'Emil' }

/** The sentence, without the marks that keep names apart from the text around them. */
function said(system: Line, sender_id = 'a', t: Texts = en, kind: 'group' | 'channel' = 'channel'): string {
  return saidOf([{ sender_id, system } as Message], t, kind)
}

function saidOf(messages: Message[], t: Texts = en, kind: 'group' | 'channel' = 'channel'): string {
  return systemText(t, messages, id => NAMES[id] ?? '…', kind).replace(/[\u2068\u2069]/g, '')
}

it('tells each thing that happens', () => {
  expect(said({ type: 'made' })).toBe('Ada created the channel')
  expect(said({ type: 'made' }, 'a', en, 'group')).toBe('Ada created the group')
  expect(said({ type: 'joined', user_ids: ['a'] })).toBe('Ada joined')
  expect(said({ type: 'joined', user_ids: ['b', 'c'] })).toBe('Ada added Ben and Cleo')
  expect(said({ type: 'left', user_ids: ['a'] })).toBe('Ada left')
  expect(said({ type: 'left', user_ids: ['b'] })).toBe('Ada removed Ben')
  expect(said({ type: 'renamed', old_name: 'x', new_name: 'y' })).toBe('Ada changed the name from x to y')
  expect(said({ type: 'renamed', old_name: null, new_name: 'y' })).toBe('Ada changed the name to y')
  expect(said({ type: 'ownership_passed', from: 'a', to: 'b' })).toBe('Ada made Ben the owner')
  expect(said({ type: 'of a newer server' } as unknown as Line)).toBe('Something changed here')
})

it('names three people at most, and counts the rest', () => {
  const line = (...ids: string[]) =>
    ids.map(id => ({ sender_id: id, system: { type: 'joined', user_ids: [id] } }) as Message)
  expect(saidOf(line('a', 'b'))).toBe('Ada and Ben joined')
  expect(saidOf(line('a', 'b', 'c'))).toBe('Ada, Ben, and Cleo joined')
  expect(saidOf(line('a', 'b', 'c', 'd', 'e'))).toBe('Ada, Ben, and 3 others joined')
  expect(saidOf(line('a', 'b', 'a')), 'who came twice is one person').toBe('Ada and Ben joined')
  expect(said({ type: 'joined', user_ids: ['b', 'c', 'd', 'e'] })).toBe('Ada added Ben, Cleo, and 2 others')
  expect(saidOf(line('a', 'b', 'c', 'd', 'e'), de)).toBe('Ada, Ben und 3 weitere Personen sind beigetreten')
  expect(saidOf(line('a'), de)).toBe('Ada ist beigetreten')
})

it('keeps a name apart from the direction of the text around it', () => {
  const message = { sender_id: 'a', system: { type: 'left', user_ids: ['a'] } } as Message
  expect(systemText(en, [message], () => 'דנה', 'channel')).toBe('\u2068דנה\u2069 left')
})
