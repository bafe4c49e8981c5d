// How often a VM that crashed is started again, and when the count begins anew.

import { expect, test } from 'vitest'
import { whyOf } from '#coordinator/core/ha/why.ts'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import { fault } from '#proto/faults.ts'
import { HaPolicyChange, HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story, started, stateOf } from '../story.ts'

const command = ({ state }: Story) => [...state.commands.keys()].at(-1) ?? ''

/** It has crashed once, and runs again: its one restart is used up. */
function crashedOnce(): Story {
  const story = new Story()
  story.join('n1')
  story.run('a')
  const change = HaPolicyChange.parse({ restarts: 1 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.result('n1', command(story))
  story.event('n1', 'a@1', 'crashed')
  story.passWith(1000, { n1: [] })
  story.result('n1', command(story))
  expect(stateOf(story)).toBe('running n1 @2')
  return story
}

/** The coordinator begins anew, and the VM runs on for so long before it crashes again. */
function crashedAfter(ms: number): Story {
  const story = crashedOnce()
  story.restart()
  story.hello('n1', ['a@2 running'])
  story.passWith(ms, { n1: ['a@2 running'] })
  story.event('n1', 'a@2', 'crashed')
  story.passWith(1000, { n1: [] })
  return story
}

test('a minute of running begins the count anew, also under another coordinator', () => {
  expect(stateOf(crashedAfter(70_000))).toBe('starting n1 @3')
})

test('less than that does not, whatever the coordinator knows of before', () => {
  expect(stateOf(crashedAfter(5_000))).toBe('failed undefined @2')
})

test('it starts again on its node also by another coordinator, which waits for word of that', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', { diskMib: 4 })
  story.result('n1', command(story))
  const change = HaPolicyChange.parse({ restarts: 1 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.event('n1', 'a@1', 'crashed')
  story.restart()
  story.hello('n2')
  story.passWith(2750, { n2: [] })
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.hello('n1')
  story.passWith(500, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @2')
})

test('when that is lost meanwhile, it starts on another', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', { diskMib: 4 })
  story.result('n1', command(story))
  const change = HaPolicyChange.parse({ restarts: 1 })
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change })
  story.event('n1', 'a@1', 'crashed')
  story.lose('n1')
  story.passWith(4000, { n2: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
})

test('one that waits for another meanwhile still goes on to another node', () => {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  story.run('b', { diskMib: 4 })
  story.result('n1', command(story))
  story.run('a', { diskMib: 4 })
  const set = (id: string, change: HaPolicyChange) =>
    story.ask({ do: 'set-policy', vmId: asVmId(id), change: HaPolicyChange.parse(change) })
  set('a', { relocations: 1, after: ['b'] })
  set('b', { restarts: 1 })
  story.result('n2', command(story), 'disk-failed')
  story.event('n1', 'b@1', 'crashed')
  story.passWith(1000, { n1: [], n2: [], n3: [] })
  story.result('n1', command(story))
  story.passWith(1000, { n1: ['b@3 running'], n2: [], n3: [] })
  expect(stateOf(story)).toBe('starting n3 @4')
})

const set = (story: Story, change: Partial<HaPolicyChange>) =>
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change: HaPolicyChange.parse(change) })

test('one that has failed wherever it belongs has failed, whatever other nodes there are', () => {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  const nodes = [{ id: 'n1' }, { id: 'n2' }]
  const about = { kind: 'node-affinity', name: 'home', vms: ['a'], nodes, strict: true }
  story.ask({ do: 'set-rule', rule: HaRule.parse(about) })
  story.run('a')
  story.result('n1', command(story), 'disk-failed')
  story.passWith(1000, { n1: [], n2: [], n3: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
  story.result('n2', command(story), 'disk-failed')
  expect(stateOf(story)).toBe('failed undefined @2')
})

test.each<[string, object, object]>([
  [
    'disarmed',
    { do: 'set-ha', change: { armed: false } },
    { do: 'set-ha', change: { armed: true } },
  ],
  [
    'of one that is locked',
    { do: 'set-policy', vmId: 'a', change: { locked: true } },
    { do: 'set-policy', vmId: 'a', change: { locked: false } },
  ],
])('a crash while nothing is done by itself is made good for later: %s', (_, hold, free) => {
  const story = started()
  set(story, { restarts: 1 })
  story.ask(hold as ApiCommand)
  story.event('n1', 'a@1', 'crashed')
  story.passWith(5000, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.ask(free as ApiCommand)
  story.passWith(500, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @2')
})

test('but one that may not be restarted has failed, and so has a start that somebody asked for', () => {
  const story = started()
  story.ask({ do: 'set-ha', change: { armed: false } })
  story.event('n1', 'a@1', 'crashed')
  expect(stateOf(story)).toBe('failed undefined @1')
  set(story, { restarts: 1 })
  story.ask({ do: 'start', vmId: asVmId('a') })
  story.result('n1', command(story), 'disk-failed')
  expect(stateOf(story)).toBe('failed undefined @2')
})

test('where it could not start, and how long it waits, another coordinator knows too', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a')
  set(story, { relocations: 4 })
  for (const node of ['n1', 'n2', 'n1']) {
    story.result(node, command(story), 'disk-failed')
    story.passWith(4000, { n1: [], n2: [] })
  }
  story.result('n2', command(story), 'disk-failed')
  // Four starts have failed, the last one on n2: four seconds until the next, and a lease is over.
  story.restart()
  for (const node of ['n1', 'n2']) story.hello(node)
  story.passWith(3500, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('pending undefined @4')
  story.passWith(1000, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @5')
})

test('who was refused by all that have room asks them again at once, and is not overtaken', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('full', { memoryMib: 90 }, 'n2')
  story.run('a', { memoryMib: 60 })
  story.result('n1', command(story), 'disk-failed')
  story.passWith(500, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @3')
})

test('where nobody says how often, it is tried as often as there are nodes, though one is full', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('full', { memoryMib: 90 }, 'n2')
  story.run('a', { memoryMib: 60 })
  story.result('n1', command(story), 'disk-failed')
  story.passWith(500, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n1 @3')
  story.result('n1', command(story), 'disk-failed')
  expect(stateOf(story)).toBe('failed undefined @3')
})

test('a disk that is lost where it runs is looked for as long as it takes', () => {
  const story = started()
  story.run('full', { memoryMib: 90 }, 'n2')
  story.result('n2', command(story))
  for (const epoch of [1, 3, 4]) {
    story.event('n1', `a@${epoch}`, 'crashed', fault('disk-failed', 'its disk is away'))
    story.passWith(5000, { n1: [], n2: ['full@2 running'] })
    story.result('n1', command(story))
  }
  expect(stateOf(story)).toBe('running n1 @5')
})

test('a refusal of a node that is in maintenance by now takes no place from another', () => {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  story.run('a')
  story.result('n1', command(story), 'disk-failed')
  const params = MigrationParams.parse({})
  story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params })
  story.passWith(1000, { n1: [], n2: [], n3: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
  story.result('n2', command(story), 'disk-failed')
  story.passWith(3000, { n1: [], n2: [], n3: [] })
  expect(stateOf(story)).toBe('starting n3 @3')
})

/** `a` was refused by n1, and n2 is to start it now. */
function refusedByFirst(): Story {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a', { memoryMib: 60 })
  set(story, { relocations: 5 })
  story.result('n1', command(story), 'disk-failed')
  story.passWith(1000, { n1: [], n2: [] })
  expect(stateOf(story)).toBe('starting n2 @2')
  return story
}

/** … and n2 refuses it now. */
function refuseAgain(story: Story): void {
  const [start] = [...story.state.commands].find(([, { vmId }]) => vmId === 'a') ?? []
  story.result('n2', start ?? '', 'disk-failed')
  story.passWith(3000, { n1: [], n2: [] })
}

test('when all have refused it, it is not tried again where it was refused last', () => {
  const story = refusedByFirst()
  story.run('busy', { cpuExpectedPercent: 80 }, 'n1')
  refuseAgain(story)
  expect(stateOf(story)).toMatch(/^starting n1/)
})

test('one that has room nowhere may start wherever room appears, where it was refused too', () => {
  const story = refusedByFirst()
  story.run('b', { memoryMib: 90 }, 'n1')
  story.run('c', { memoryMib: 80 }, 'n2')
  refuseAgain(story)
  const vm = story.state.vms.get(asVmId('a'))
  expect(vm && whyOf(story.state, vm).mend).toEqual([
    'n1: 60 MiB do not fit, 10 are free',
    'n2: 60 MiB do not fit, 20 are free',
  ])
})
