// How a VM is kept running, in words, and who said so: the VM's own word comes before its group's,
// and a group's before the defaults.

import { describe, expect, test } from 'vitest'
import { fewNames, policyLines } from '#dashboard/policy-model.ts'
import { type HaGroup, HaPolicy } from '#proto/ha.ts'
import { vmView } from '../coordinator-double/views.ts'

const stores: HaGroup = {
  name: 'stores',
  vms: ['db', 'cache'],
  policy: { priority: 200, restarts: 3, protection: 'continuous' },
}
const kept = HaPolicy.parse({ ...stores.policy, restarts: 1, after: ['group:web'] })
const db = vmView('db', {}, { policy: kept, ownPolicy: { restarts: 1, after: ['group:web'] } })

const found = (lines: ReturnType<typeof policyLines>, name: string) => {
  const { value, from } = lines.find((line) => line.name === name) ?? {}
  return `${value}: ${from}`
}

describe('the policy of a VM', () => {
  test('is of the VM itself, of its group, or default, each part for itself', () => {
    const lines = policyLines(db, [stores])
    expect(found(lines, 'Restarts on its node')).toBe('once: this VM')
    expect(found(lines, 'Starts after')).toBe('group web: this VM')
    expect(found(lines, 'Priority')).toBe('200: group stores')
    expect(found(lines, 'Its node is lost')).toBe('goes on elsewhere at once: group stores')
    expect(found(lines, 'Checkpoints')).toBe('every 50 ms: default')
    expect(found(lines, 'Locked')).toBe('no: default')
  })

  test('is of an operator, to who does not see groups', () => {
    const { ownPolicy: _, ...shown } = db
    const lines = policyLines(shown)
    expect(found(lines, 'Priority')).toBe('200: an operator')
    expect(found(lines, 'Restarts on its node')).toBe('once: an operator')
    expect(found(lines, 'Goes to a better node')).toBe('yes: default')
  })

  test('where nobody declared one, is what was said when the VM was made', () => {
    const lines = policyLines(vmView('plain', { ha: false, isolation: 'pause' }))
    expect(found(lines, 'Its node is lost')).toBe('waits for it: when it was made')
    expect(found(lines, 'Its node is cut off')).toBe('stands still there: when it was made')
    expect(found(policyLines(vmView('plain', {})), 'Its node is lost')).toBe(
      'starts elsewhere, from its disk: default',
    )
    expect(lines.map(({ name }) => name)).not.toContain('Checkpoints')
  })
})

test('many names are told as the first of them', () => {
  expect(fewNames(['a', 'b'], 2)).toBe('a, b')
  expect(fewNames(['a', 'b', 'c', 'd'], 2)).toBe('a, b and 2 more')
})
