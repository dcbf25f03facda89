import { expect, it } from 'vitest'
import { isNamed } from './names'

it('hears a name that is called, whole or in its first word', () => {
  for (const text of ['@Ada Lovelace look here', 'look, @ada!', '(@ADA)', '@adam and @ada'])
    expect(isNamed(text, 'Ada Lovelace'), text).toBe(true)
  for (const text of ['Ada', '@adam', 'mail@ada.example', '', '@Lovelace'])
    expect(isNamed(text, 'Ada Lovelace'), text).toBe(false)
})
