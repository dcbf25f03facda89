import { expect, it } from 'vitest'
import type { Message } from '../../api/types'
import { estimateHeight, kindOfMessage, messageOf, ROW_KINDS, type Row } from './kinds'

const message = { id: 'm1', seq: 1, body: 'one\ntwo' } as Message
const written: Row = { kind: 'message', key: 'm1', message, head: false }

it('every kind has a row and a height to begin with', () => {
  const data = { at: '2026-11-20T12:00:00Z', message, head: true, entry: { body: 'one' } }
  for (const kind of Object.keys(ROW_KINDS)) {
    const row = { kind, key: kind, ...data } as unknown as Row
    expect(ROW_KINDS[row.kind].Row, kind).toBeTypeOf('function')
    expect(estimateHeight(row), kind).toBeGreaterThan(0)
  }
  expect(estimateHeight({ ...written, head: true })).toBeGreaterThan(estimateHeight(written))
})

it('a message is of the first kind that shows it', () => {
  expect(kindOfMessage(message)).toEqual({ name: 'message', isLine: false })
  expect(kindOfMessage({ ...message, deleted_at: '2026-11-20T12:00:00Z' }).name).toBe('tombstone')
})

it('a message that becomes another kind keeps its component, and the focus with it', () => {
  expect(ROW_KINDS.tombstone.Row).toBe(ROW_KINDS.message.Row)
})

it('knows which rows stand for a message', () => {
  expect(messageOf(written)).toBe(message)
  expect(messageOf({ ...written, kind: 'tombstone' })).toBe(message)
  expect(messageOf({ kind: 'unread', key: 'unread' })).toBeUndefined()
  expect(messageOf(undefined)).toBeUndefined()
})
