// Places of the page and their addresses: there and back again, and whatever a person may type.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hashOf, type Route, routeOf } from '#dashboard/route.ts'

const word = fc
  .string({ minLength: 1, maxLength: 20, unit: 'binary' })
  .filter((s) => s.trim() !== '')
const place: fc.Arbitrary<Route> = fc.oneof(
  fc.constant<Route>({ is: 'cluster' }),
  fc.constant<Route>({ is: 'links' }),
  fc.constant<Route>({ is: 'load' }),
  fc.constant<Route>({ is: 'templates' }),
  word.map((id): Route => ({ is: 'vm', id })),
  fc.tuple(word, word).map(([id, part]): Route => ({ is: 'vm', id, part })),
  word.map((id): Route => ({ is: 'node', id })),
  fc
    .dictionary(fc.constantFrom('vm', 'node', 'kind', 'text'), word, { noNullPrototype: true })
    .map((filter): Route => ({ is: 'events', filter })),
)

describe('a place of the page', () => {
  test('has an address that leads back to it', () => {
    fc.assert(fc.property(place, (to) => void expect(routeOf(hashOf(to))).toEqual(to)))
  })

  test('is the cluster where the address says nothing sensible', () => {
    fc.assert(fc.property(fc.string(), (typed) => void routeOf(typed)))
    for (const typed of ['', '#', '#/', '#/vm', '#/vm/', '#/vm/%E0%A4%A', '#/nowhere/kv'])
      expect(routeOf(typed)).toEqual({ is: 'cluster' })
  })

  test('keeps an address short: what is not filtered is not named', () => {
    expect(hashOf({ is: 'events', filter: { vm: 'kv', text: '' } })).toBe('#/events?vm=kv')
    expect(hashOf({ is: 'events', filter: {} })).toBe('#/events')
    expect(hashOf({ is: 'vm', id: 'kv', part: 'screen' })).toBe('#/vm/kv/screen')
  })
})
