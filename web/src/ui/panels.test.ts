import { expect, it } from 'vitest'
import { panelButton, panelOf } from './panels'

it('there are the panels of the table, and no others', () => {
  expect(panelOf({ kind: 'members', argument: null })).toBeDefined()
  expect(panelOf(null)).toBeUndefined()
  for (const kind of ['', 'nothing', 'constructor', '__proto__', 'toString'])
    expect(panelOf({ kind, argument: null }), kind).toBeUndefined()
})

it('a button is pressed while just its panel is open', () => {
  const pressed = (open: Parameters<typeof panelButton>[1]) => panelButton('members', open)['aria-pressed']
  expect(pressed({ kind: 'members', argument: null })).toBe(true)
  for (const open of [null, { kind: 'members', argument: 'x' }, { kind: 'thread', argument: null }])
    expect(pressed(open)).toBe(false)
})
