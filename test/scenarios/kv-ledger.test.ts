// The promise of a durable store, as laws of the ledger: a store that keeps what it acknowledged is
// never accused, and one that does not is always caught.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KvLedger } from '#scenarios/kv-ledger.ts'

interface Write {
  readonly key: string
  /**
   * Whether the store applied it, and whether its answer arrived. An answer needs an applied write.
   */
  readonly fate: 'applied and acknowledged' | 'applied' | 'lost before it was applied'
}
const writes = fc.array(
  fc.record<Write>({
    key: fc.constantFrom('a', 'b', 'c'),
    fate: fc.constantFrom('applied and acknowledged', 'applied', 'lost before it was applied'),
  }),
  { maxLength: 60 },
)

/** A client that repeats what was not answered, against a store: what both know at the end. */
function history(all: readonly Write[]): { ledger: KvLedger; store: Map<string, number> } {
  const ledger = new KvLedger()
  const store = new Map<string, number>()
  const underWay = new Map<string, number>()
  for (const { key, fate } of all) {
    const version = underWay.get(key) ?? ledger.issue(key)
    underWay.set(key, version)
    if (fate === 'lost before it was applied') continue
    store.set(key, version)
    if (fate === 'applied') continue
    ledger.acknowledge(key, version)
    underWay.delete(key)
  }
  return { ledger, store }
}

describe('the ledger', () => {
  test('never accuses a store that kept what it acknowledged', () => {
    fc.assert(
      fc.property(writes, (all) => {
        const { ledger, store } = history(all)
        for (const key of ['a', 'b', 'c'])
          expect(ledger.lossOf(key, store.get(key) ?? 0)).toBeUndefined()
      }),
    )
  })

  test('catches a store that went back behind an acknowledged write of any key', () => {
    fc.assert(
      fc.property(writes, fc.nat(), (all, choice) => {
        const { ledger, store } = history(all)
        const promised = ledger.keysToVerify
        fc.pre(promised.length > 0)
        const key = promised[choice % promised.length] as string
        // The last acknowledged version is at most one behind what the store holds.
        const found = (store.get(key) ?? 0) - 2
        expect(ledger.lossOf(key, Math.max(0, found))).toMatchObject({ key })
      }),
    )
  })

  test('counts each acknowledged write once', () => {
    const ledger = new KvLedger()
    ledger.acknowledge('a', ledger.issue('a'))
    ledger.acknowledge('a', 1)
    expect(ledger.acknowledgedWrites).toBe(1)
    expect(ledger.isUnderWay('a')).toBe(false)
  })

  test('lets a key have one write under way, so that no older one can overtake it', () => {
    const ledger = new KvLedger()
    ledger.issue('a')
    expect(ledger.isUnderWay('a')).toBe(true)
    expect(() => ledger.issue('a')).toThrow(/has a write under way/)
  })
})
