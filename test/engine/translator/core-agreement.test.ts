// What the translator assumes of the core: numbers that stand in two languages, held against the
// core's own text, and the places that it generates code for.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createVmMemory, instantiateCore, noHooks } from '#engine/cpu/module.ts'
import { opNames } from '#engine/translator/decoded-entry.ts'
import { returned, trap } from '#engine/translator/region-frame.ts'
import { defaultLimits } from '#engine/translator/translator.ts'
import { coreModule } from '../cpu/test-hart.ts'

/** Members of a `const enum` of the core, in their order; with their numbers, where they have one. */
function membersOf(file: string, name: string): [string, number | undefined][] {
  const text = readFileSync(new URL(`../../../engine/cpu/core/${file}`, import.meta.url), 'utf8')
  const body = text.split(`enum ${name} {`)[1]?.split('}')[0] ?? ''
  const plain = body.replace(/\/\*\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '')
  const members = plain.split(',').map((member) => member.trim())
  return members.filter(Boolean).map((member) => {
    const [word = '', value] = member.split('=').map((part) => part.trim())
    return [word, value === undefined ? undefined : Number(value)]
  })
}

test('instructions have the numbers that the core gives them', () => {
  const members = membersOf('entry.ts', 'Op')
  expect(members.every(([, value]) => value === undefined)).toBe(true)
  expect(opNames).toEqual(members.map(([name]) => name))
})

test('outcomes mean the same in translated code', () => {
  const outcomes = new Map(membersOf('outcome.ts', 'Outcome'))
  expect(outcomes.get('done')).toBe(0)
  expect([outcomes.get('returned'), outcomes.get('trap')]).toEqual([returned, trap])
  for (const name of ['changed', 'wait', 'sbi']) expect(outcomes.get(name)).toBeLessThan(trap)
  for (const name of ['absent', 'enter']) expect(outcomes.get(name)).toBeGreaterThan(trap)
})

describe('the core', () => {
  const ramBytes = 1 << 20
  const { at } = instantiateCore(coreModule, createVmMemory(coreModule, ramBytes), noHooks)
  const isPower = (value: number) => value > 0 && (value & (value - 1)) === 0

  test('has room for as much as the translator makes', () => {
    expect(defaultLimits.regionsMax).toBeLessThanOrEqual(at.regionsMax)
    expect(defaultLimits.pagesMax).toBeLessThanOrEqual(at.regionPagesMax)
  })
  test('has tables whose places masks can choose', () => {
    for (const size of [at.tlbEntries, at.tlbEntryBytes, at.jumpEntries, at.jumpEntryBytes])
      expect(isPower(size)).toBe(true)
  })
  test('has its tables beside each other, and before RAM', () => {
    const tlbEnd = at.tlbAddress + 4 * at.tlbBankBytes
    const jumpsEnd = at.jumpsAddress + at.jumpEntries * at.jumpEntryBytes
    const spans = [
      [at.xAddress, at.xAddress + 256],
      [at.pcAddress, at.pcAddress + 8],
      [at.fAddress, at.fAddress + 256],
      [at.leftAddress, at.leftAddress + 4],
      [at.outcomeAddress, at.outcomeAddress + 4],
      [at.contextAddress, at.contextAddress + 8],
      [at.valueAddress, at.valueAddress + 8],
      [at.tlbAddress, tlbEnd],
      [at.jumpsAddress, jumpsEnd],
    ].sort(([a = 0], [b = 0]) => a - b)
    for (const [n, [, end = 0]] of spans.entries())
      expect(end).toBeLessThanOrEqual(spans[n + 1]?.[0] ?? at.ramAddress)
  })
  test('has its read and write entries inside a bank of the TLB', () => {
    for (const table of [at.tlbRead, at.tlbWrite])
      expect(table + at.tlbEntries * at.tlbEntryBytes).toBeLessThanOrEqual(at.tlbBankBytes)
  })
})
