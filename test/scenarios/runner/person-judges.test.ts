// What is expected of persons who try to get to VMs: each judge holds, and each can find that it
// does not.

import { describe, expect, test } from 'vitest'
import type { FaultCode } from '#proto/faults.ts'
import type { ExpectationOf } from '#scenarios/language/expectations.ts'
import type { WayToVm } from '#scenarios/language/persons.ts'
import type { Evidence } from '#scenarios/runner/evidence.ts'
import { judgeOf } from '#scenarios/runner/judges.ts'

const closing = {
  ...{
    view: {} as never,
    isBlind: false,
    clients: new Map(),
    typists: new Map(),
    identities: new Map(),
  },
}
const tried = (way: WayToVm, code?: FaultCode, more: object = {}): Evidence => ({
  ...{ kind: 'tried', person: 'ben', vm: 'annas', way, code, isThere: true },
  ...more,
})

/** The last thing that was found. */
function verdict(item: Parameters<typeof judgeOf>[0], evidence: readonly Evidence[]) {
  const judge = judgeOf(item)
  return evidence.map((one) => judge(one)?.verdict).findLast((found) => found !== undefined)
}

describe('who is kept out', () => {
  const item: ExpectationOf<'kept-out'> = {
    ...{ expect: 'kept-out', person: 'ben', vm: 'annas', by: ['screen', 'api'] },
  }
  const both = [tried('screen', 'unknown-vm'), tried('api', 'unknown-vm')]
  const end = { kind: 'closing', closing } as const

  test('was refused whichever way they tried', () => {
    expect(verdict(item, [...both, end])).toBe('held')
    expect(verdict({ ...item, code: 'unknown-vm' }, [...both, end])).toBe('held')
  })
  test('got in once: that is once too often', () => {
    expect(verdict(item, [...both, tried('screen')])).toBe('broken')
  })
  test('is not kept out by a refusal that says that it is there', () => {
    expect(verdict(item, [tried('screen', 'wrong-state')])).toBe('broken')
    expect(verdict({ ...item, code: 'unknown-vm' }, [tried('api', 'not-allowed')])).toBe('broken')
  })
  test('has to have tried each way, while the VM was there and the coordinator answered', () => {
    expect(verdict(item, [end])).toBe('broken')
    expect(verdict(item, [tried('screen', 'unknown-vm'), end])).toBe('broken')
    const nowhere = tried('api', 'unknown-vm', { isThere: false })
    expect(verdict(item, [tried('screen', 'unknown-vm'), nowhere, end])).toBe('broken')
    expect(verdict(item, [tried('screen', 'unknown-vm'), tried('api', 'link-lost'), end])).toBe(
      'broken',
    )
  })
  test('is another, or at another VM: that is nothing to them', () => {
    expect(verdict(item, [tried('screen', undefined, { person: 'anna' })])).toBeUndefined()
    expect(verdict(item, [tried('screen', undefined, { vm: 'bens' })])).toBeUndefined()
  })
})

describe('who reaches a VM', () => {
  const item = { expect: 'reaches', person: 'ben', vm: 'annas', by: 'screen', within: 1 } as const

  test('got in, by that way and no other', () => {
    expect(verdict(item, [tried('screen', 'wrong-state'), tried('screen')])).toBe('held')
    expect(verdict(item, [tried('screen', 'wrong-state')])).toBe('open')
    expect(verdict(item, [tried('api')])).toBeUndefined()
  })
})
