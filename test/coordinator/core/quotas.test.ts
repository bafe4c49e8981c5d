// Quotas of persons: what counts, what is refused and by which words, and what is never asked.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Vm } from '#coordinator/core/cluster-state.ts'
import { overQuota, takenByNew, usageOf } from '#coordinator/core/quotas.ts'
import { freshIdentity } from '#coordinator/identity.ts'
import { SeededRandom } from '#env/memory.ts'
import { asVmId } from '#proto/ids.ts'
import type { Quota } from '#proto/quotas.ts'
import { segmentVersion } from '#proto/units.ts'
import { VmSpec, type VmSpecInput } from '#proto/vm-spec.ts'
import { Story } from './story.ts'

const random = new SeededRandom(3)
function run(story: Story, owner: string | undefined, id: string, spec: VmSpecInput = {}): void {
  const request = { id, spec: VmSpec.parse({ memoryMib: 16, cpuCapPercent: 50, ...spec }) }
  const whose = owner === undefined ? {} : { owner }
  story.ask({ do: 'run', request, identity: freshIdentity(random), ...whose }, `run ${id}`)
}
const allow = (story: Story, allowed: Quota, person = 'ann') =>
  story.ask({ do: 'set-quota', person, allowed }, `quota of ${person}`)
const refusal = ({ answer }: Story) => (answer && 'fault' in answer ? answer.fault : undefined)
function finish(story: Story): void {
  for (const [id, { nodeId }] of [...story.state.commands]) story.result(nodeId, id)
}
function begun(allowed: Quota): Story {
  const story = new Story()
  story.speaks = segmentVersion
  story.join('n1', 'n2')
  allow(story, allowed)
  return story
}

test('a VM too many is refused: what is used, what is allowed, and whom to ask', () => {
  const story = begun({ vms: 2, memoryMib: 40 })
  run(story, 'ann', 'a')
  run(story, 'ann', 'b')
  expect(refusal(story)).toBeUndefined()
  run(story, 'ann', 'c')
  expect(refusal(story)).toEqual({
    code: 'over-quota',
    message:
      'ann has 2 of 2 VMs, 32 of 40 MiB of memory, and would have 3 of 2 VMs, ' +
      '48 of 40 MiB of memory: stop or remove a VM, or ask an operator for more',
  })
  expect(story.state.vms.has(asVmId('c'))).toBe(false)
})

test('another person, and nobody, are not bound by it', () => {
  const story = begun({ vms: 0 })
  run(story, 'bob', 'a')
  run(story, undefined, 'b')
  expect(refusal(story)).toBeUndefined()
})

test('clones count before they are there, all or none of them', () => {
  const story = begun({ vms: 3 })
  run(story, 'ann', 'a')
  finish(story)
  story.clone('a', ['x', 'y', 'z'])
  expect(refusal(story)?.message).toContain('would have 4 of 3 VMs')
  expect([...story.state.vms.keys()]).toEqual(['a'])
  story.clone('a', ['x', 'y'])
  expect(refusal(story)).toBeUndefined()
})

test('a stopped VM takes no memory and no core, but its place and its disk; to start it is asked', () => {
  const story = begun({ memoryMib: 16, cores: 0.5, diskMib: 64 })
  run(story, 'ann', 'a', { diskMib: 40 })
  finish(story)
  story.ask({ do: 'stop', vmId: asVmId('a') })
  finish(story)
  expect(usageOf(story.state, 'ann')).toEqual({
    ...{ vms: 1, memoryMib: 0, cores: 0, diskMib: 40, snapshots: 0, templates: 0 },
  })
  run(story, 'ann', 'b', { diskMib: 40 })
  expect(refusal(story)?.message).toContain('would have 80 of 64 MiB of disk')
  run(story, 'ann', 'b')
  story.ask({ do: 'start', vmId: asVmId('a') })
  expect(refusal(story)?.message).toContain('would have 32 of 16 MiB of memory, 1 of 0.5 cores')
})

test('what was allowed once and is not any more goes on, and comes back after an outage', () => {
  const story = begun({ vms: 1 })
  run(story, 'ann', 'a')
  finish(story)
  const at = story.state.vms.get(asVmId('a'))?.nodeId ?? 'nowhere'
  allow(story, { vms: 0, memoryMib: 0 })
  story.lose(at, true)
  story.pass(100)
  const now = story.state.vms.get(asVmId('a'))
  expect([now?.phase, now?.nodeId]).toEqual(['starting', at === 'n1' ? 'n2' : 'n1'])
  run(story, 'ann', 'b')
  expect(refusal(story)?.code).toBe('over-quota')
})

test('a quota outlives the coordinator’s process, and ends with the account', () => {
  const story = begun({ vms: 0 })
  story.restart()
  run(story, 'ann', 'a')
  expect(refusal(story)?.code).toBe('over-quota')
  story.ask({ do: 'disown', owner: 'ann' })
  run(story, 'ann', 'a')
  expect(refusal(story)).toBeUndefined()
})

/** A VM of ann's that runs. */
function keeping(allowed: Quota): Story {
  const story = begun(allowed)
  run(story, 'ann', 'a')
  finish(story)
  return story
}
const a = asVmId('a')
const snapshot = (story: Story, name: string) => story.ask({ do: 'snapshot', vmId: a, name })
function takeOne(story: Story, name: string): void {
  snapshot(story, name)
  const [[id, { nodeId }] = ['', { nodeId: '' }]] = story.state.commands
  const { spec, identity, disk } = story.state.vms.get(a) as Vm
  const record = {
    ...{ vmId: a, name, spec, identity, disk, depth: 0, takenWallMs: 1 },
    id: Buffer.from(name.padEnd(16, '-')).toString('hex'),
  }
  const measured = { downtimeMs: 2, totalMs: 9, pages: 3, storedBytes: 4 }
  story.result(nodeId, id, undefined, { snapshot: { record, measured } })
}

test('a snapshot too many is refused, with the way to make room; one that failed counts for nothing', () => {
  const story = keeping({ snapshots: 2 })
  takeOne(story, 'one')
  snapshot(story, 'two')
  expect(usageOf(story.state, 'ann').snapshots).toBe(2)
  snapshot(story, 'three')
  expect(refusal(story)).toEqual({
    code: 'over-quota',
    message:
      'ann has 2 of 2 snapshots, and would have 3 of 2 snapshots: ' +
      'remove a snapshot, or ask an operator for more',
  })
  const [[id, { nodeId }] = ['', { nodeId: '' }]] = story.state.commands
  story.result(nodeId, id, 'no-room')
  expect(usageOf(story.state, 'ann').snapshots).toBe(1)
  snapshot(story, 'three')
  expect(refusal(story)).toBeUndefined()
})

test('snapshots go with their VM when it is given away, and no quota of the giver counts them', () => {
  const story = keeping({ snapshots: 1 })
  takeOne(story, 'one')
  story.ask({ do: 'own', vmId: a, owner: 'bob' })
  const counts = ['ann', 'bob'].map((person) => usageOf(story.state, person).snapshots)
  expect(counts).toEqual([0, 1])
  snapshot(story, 'two')
  expect(refusal(story)).toBeUndefined()
})

test('a template counts from the wish for it on, whether it is kept or comes by a file', () => {
  const story = keeping({ templates: 1 })
  takeOne(story, 'one')
  const keep = (name: string) =>
    story.ask({ do: 'keep-template', name, about: '', vmId: a, snapshot: 'one' })
  const file = { id: 'ab'.repeat(32), manifestBytes: 10, key: undefined } as const
  const bring = (name: string, owner?: string) =>
    story.ask({ do: 'import-template', name, ...file, ...(owner !== undefined && { owner }) })
  keep('shop')
  expect(refusal(story)).toBeUndefined()
  const message =
    'ann has 1 of 1 templates, and would have 2 of 1 templates: ' +
    'remove a template, or ask an operator for more'
  for (const ask of [() => keep('more'), () => bring('more', 'ann')]) {
    ask()
    expect(refusal(story)).toEqual({ code: 'over-quota', message })
  }
  bring('of-nobody')
  expect(refusal(story)).toBeUndefined()
  allow(story, { templates: 2 })
  bring('by-file', 'ann')
  expect([refusal(story), usageOf(story.state, 'ann').templates]).toEqual([undefined, 2])
  keep('third')
  expect(refusal(story)?.code).toBe('over-quota')
})

test('no order of requests brings a person above what is allowed', () => {
  const deed = fc.record({
    does: fc.constantFrom('run', 'clone', 'stop', 'start', 'remove', 'snapshot'),
    vm: fc.nat(4),
    memoryMib: fc.integer({ min: 4, max: 30 }),
  })
  const allowed = { vms: 3, memoryMib: 50, cores: 1.2, snapshots: 2 }
  fc.assert(
    fc.property(fc.array(deed, { maxLength: 30 }), (deeds) => {
      const story = begun(allowed)
      for (const [n, { does, vm, memoryMib }] of deeds.entries()) {
        const id = `v${vm}`
        if (does === 'run') run(story, 'ann', id, { memoryMib, cpuCapPercent: 40 })
        else if (does === 'clone') story.clone(id, [`c${n}`])
        else story.ask({ do: does, vmId: asVmId(id) } as never)
        // Snapshots stay under way.
        if (does !== 'snapshot') finish(story)
        const used = usageOf(story.state, 'ann')
        expect(used.vms).toBeLessThanOrEqual(allowed.vms)
        expect(used.memoryMib).toBeLessThanOrEqual(allowed.memoryMib)
        expect(used.snapshots).toBeLessThanOrEqual(allowed.snapshots)
        expect(used.cores).toBeLessThanOrEqual(allowed.cores + 1e-6)
      }
    }),
    { numRuns: 60 },
  )
})

test('ten tenths of a core are one core', () => {
  const story = begun({ cores: 1 })
  for (let n = 0; n < 9; n++) run(story, 'ann', `v${n}`, { memoryMib: 4, cpuCapPercent: 10 })
  const tenth = takenByNew(VmSpec.parse({ cpuCapPercent: 10 }))
  expect(overQuota(story.state, 'ann', tenth)).toBeUndefined()
})

test('one that is at rest is begun by a relocation too, and counts as by any other start', () => {
  const story = begun({ memoryMib: 16 })
  run(story, 'ann', 'a')
  finish(story)
  story.ask({ do: 'stop', vmId: asVmId('a') })
  finish(story)
  run(story, 'ann', 'b')
  story.ask({ do: 'relocate', vmId: asVmId('a') })
  expect(refusal(story)?.code).toBe('over-quota')
  expect(story.state.vms.get(asVmId('a'))?.phase).toBe('stopped')
})
