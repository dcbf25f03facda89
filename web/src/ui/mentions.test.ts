import { expect, it } from 'vitest'
import { isMentioned } from './mentions'

it('finds a mention of the full name or the first name', () => {
  for (const text of ['@Ada Lovelace look here', 'look, @ada!', '(@ADA)', '@adam and @ada'])
    expect(isMentioned(text, 'Ada Lovelace'), text).toBe(true)
  for (const text of ['Ada', '@adam', 'mail@ada.example', '', '@Lovelace'])
    expect(isMentioned(text, 'Ada Lovelace'), text).toBe(false)
})
