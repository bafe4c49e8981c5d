// Replicas of VMs that a strict rule keeps together: all on one node, and they go there together,
// or none of them does. Nodes here are only voices (../story.ts).

import { expect, test } from 'vitest'
import { whyOf } from '#coordinator/core/ha/why.ts'
import type { HaPolicy } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story, stateOf } from '../story.ts'
import { idOf, sent } from './replica-story.ts'

type Level = 'restart' | 'checkpoint' | 'continuous'
type Held = Readonly<Record<string, readonly string[]>>

const protect = (story: Story, vm: string, protection: Level) =>
  story.ask({ do: 'set-policy', vmId: asVmId(vm), change: { protection } as Partial<HaPolicy> })
const together = (story: Story, ...vms: string[]) => {
  const rule = { kind: 'keep-together', name: 'near', vms, strict: true } as const
  story.ask({ do: 'set-rule', rule })
}
const replicaOf = (story: Story, vm: string) => story.state.vms.get(asVmId(vm))?.replica
const placeOf = (story: Story, vm: string) => replicaOf(story, vm)?.nodeId
const phaseOf = (story: Story, vm: string) => replicaOf(story, vm)?.phase
const vms = [
  ['a', 1],
  ['b', 2],
] as const

/** `a` and `b` run on n1; whoever is protected so has a replica that counts, somewhere. */
function company(levels: Readonly<Record<string, Level>>, memoryMib = 16, isStrict = true): Story {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  if (isStrict) together(story, 'a', 'b')
  for (const [vm, epoch] of vms) {
    story.run(vm, { memoryMib }, isStrict ? undefined : 'n1')
    story.result('n1', `run1-${epoch}`)
  }
  for (const [vm, protection] of Object.entries(levels)) protect(story, vm, protection)
  story.passWith(1000, { n1: ['a@1 running', 'b@2 running'], n2: [], n3: [] })
  story.passWith(250, held(story))
  return story
}

/** What they say when all is well: of each replica, that it is kept. */
function held(story: Story): Held {
  const all: Record<string, string[]> = { n1: [], n2: [], n3: [] }
  for (const [vm, epoch] of vms) {
    const id = replicaOf(story, vm)?.id
    all.n1?.push(`${vm}@${epoch} running${id ? ` ${id}=kept` : ''}`)
    const place = placeOf(story, vm)
    if (place) all[place]?.push(`${vm}@${epoch} replica ${id}=kept ${id}`)
  }
  return all
}

/** What is said when n1 is silent. */
function withoutN1(story: Story, ...silent: string[]): Held {
  const { n2, n3 } = held(story)
  const said = (lines: readonly string[] = []) =>
    lines.map((line) =>
      silent.some((vm) => line.startsWith(vm)) ? line.replace('kept', 'silent') : line,
    )
  return { n2: said(n2), n3: said(n3) }
}

test('they have their replicas on one node', () => {
  const story = company({ a: 'continuous', b: 'checkpoint' })
  expect(['a', 'b'].map((vm) => phaseOf(story, vm))).toEqual(['ready', 'ready'])
  expect(placeOf(story, 'b')).toBe(placeOf(story, 'a'))
})

test('why tells who comes along, and for whom a take-over waits', () => {
  const boundBy = (levels: Parameters<typeof company>[0]) => {
    const { state } = company(levels)
    const vm = state.vms.get(asVmId('a'))
    return vm ? whyOf(state, vm).bound.join('\n') : ''
  }
  const quick = boundBy({ a: 'continuous', b: 'continuous' })
  expect(quick).toMatch(/takes over when its node is lost, together with b$/m)
  const slow = boundBy({ a: 'continuous', b: 'restart' })
  expect(slow).toMatch(/together with b; not before the lease of that node is over, for b/)
})

test('the first of them goes where all have room', () => {
  const story = company({}, 40)
  story.run('c', { memoryMib: 40 }, 'n2')
  protect(story, 'a', 'continuous')
  story.passWith(500, { n1: ['a@1 running', 'b@2 running'], n2: ['c@3 starting'], n3: [] })
  expect(placeOf(story, 'a')).toBe('n3')
})

test('while one of them is silent and another may be well, none goes; then both, at once', () => {
  const story = company({ a: 'continuous', b: 'continuous' })
  const there = placeOf(story, 'a')
  const [one, both] = [withoutN1(story, 'a'), withoutN1(story, 'a', 'b')]
  story.lose('n1')
  story.passWith(500, one)
  expect(sent(story, 'take-over')).toEqual([])
  const from = story.lines.length
  for (const [node, said] of Object.entries(both)) story.beat(node, said)
  expect(sent(story, 'take-over', from).length).toBe(2)
  expect([stateOf(story, 'a'), stateOf(story, 'b')]).toEqual([
    expect.stringContaining(`starting ${there}`),
    expect.stringContaining(`starting ${there}`),
  ])
})

test.each(['continuous', 'checkpoint'] as const)(
  '%s: where there is room for both, both go',
  (level) => {
    const story = company({ a: level, b: level }, 40)
    const silent = withoutN1(story, 'a', 'b')
    story.lose('n1')
    story.passWith(4000, silent)
    expect(sent(story, 'take-over').length).toBe(2)
  },
)

test('replicas on two nodes do not take over, once a rule brings their VMs together', () => {
  const story = company({ a: 'continuous' }, 16, false)
  const there = placeOf(story, 'a') ?? ''
  const other = there === 'n2' ? 'n3' : 'n2'
  const nodes = ['n1', other].map((id) => ({ id, priority: 0 }))
  const home = { kind: 'node-affinity' as const, name: 'home', vms: ['b'], nodes, strict: true }
  story.ask({ do: 'set-rule', rule: home })
  protect(story, 'b', 'continuous')
  for (let n = 0; n < 4; n++) story.passWith(250, held(story))
  expect([placeOf(story, 'b'), phaseOf(story, 'b')]).toEqual([other, 'ready'])
  story.ask({ do: 'drop-rule', name: 'home' })
  const silent = withoutN1(story, 'a', 'b')
  together(story, 'a', 'b')
  story.lose('n1')
  for (const [node, said] of Object.entries(silent)) story.beat(node, said)
  expect(sent(story, 'take-over')).toEqual([])
})

test('one that has none follows from its disk, when the lease of their node is over', () => {
  const story = company({ a: 'continuous', b: 'restart' })
  const there = placeOf(story, 'a')
  const silent = withoutN1(story, 'a')
  story.lose('n1')
  story.passWith(2000, silent)
  expect(sent(story, 'take-over')).toEqual([])
  story.passWith(2000, silent)
  expect(sent(story, 'take-over').length).toBe(1)
  expect(sent(story, 'start').at(-1)).toContain(`${there} start b@`)
  expect(stateOf(story, 'a')).toContain(`starting ${there}`)
})

test('where those that follow would have no room, nobody goes on from a replica', () => {
  const story = company({ a: 'continuous', b: 'restart' }, 40)
  const there = placeOf(story, 'a') ?? ''
  const silent = withoutN1(story, 'a')
  story.run('c', { memoryMib: 40 }, there)
  story.lose('n1')
  story.passWith(4000, silent)
  expect(sent(story, 'take-over')).toEqual([])
  const other = there === 'n2' ? 'n3' : 'n2'
  expect([stateOf(story, 'a'), stateOf(story, 'b')]).toEqual([
    expect.stringContaining(`starting ${other}`),
    expect.stringContaining(`starting ${other}`),
  ])
})

test('one whose copy alone is lost stays with its company', () => {
  const story = company({ a: 'checkpoint', b: 'checkpoint' })
  const { n2, n3 } = held(story)
  story.event('n1', 'a@1', 'crashed', { code: 'guest-crashed', message: 'it has crashed' })
  story.passWith(2000, { n1: ['b@2 running'], n2: n2 ?? [], n3: n3 ?? [] })
  expect(sent(story, 'take-over')).toEqual([])
})

test('replicas that a rule brings together end where they are not, and are made again there', () => {
  const story = company({ a: 'continuous' }, 16, false)
  const first = placeOf(story, 'a')
  story.ask({ do: 'maintenance', nodeId: asNodeId(first ?? ''), params: {} as never }, 'maintain')
  protect(story, 'b', 'continuous')
  story.passWith(250, held(story))
  story.passWith(250, held(story))
  expect([placeOf(story, 'a'), phaseOf(story, 'a')]).toEqual([first, 'ending'])
  const other = first === 'n2' ? 'n3' : 'n2'
  expect(placeOf(story, 'b')).toBe(other)
  together(story, 'a', 'b')
  story.result('n1', idOf(story, 'end-replication'))
  story.passWith(1000, { ...held(story), n1: ['a@1 running', 'b@2 running'] })
  expect(placeOf(story, 'a')).toBe(other)
})

test('where replicas of all of them are is room for all of them, says why', () => {
  const story = company({ a: 'checkpoint', b: 'checkpoint' }, 40)
  story.run('x', { memoryMib: 30 }, 'n3')
  const place = placeOf(story, 'a')
  expect(placeOf(story, 'b')).toBe(place)
  const params = MigrationParams.parse({})
  story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params })
  const vm = story.state.vms.get(asVmId('a'))
  const seen = (at = place) => vm && whyOf(story.state, vm).nodes.find(({ id }) => id === at)
  expect(seen()).toMatchObject({ may: true, text: 'it could be there' })
  expect(seen(asNodeId('n3'))?.text).toBe('80 MiB do not fit, 70 are free')
})
