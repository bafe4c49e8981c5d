// Replicas where power is saved: they keep no node on that nobody runs on, as long as one that
// others run on has room; and a node that sleeps is woken for one that has room nowhere else.

import { expect, test } from 'vitest'
import { HaPolicyChange, HaRule } from '#proto/ha.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { running } from '../running.ts'
import type { Story } from '../story.ts'

const set = (story: Story, change: HaPolicyChange, id = 'a') =>
  story.ask({ do: 'set-policy', vmId: asVmId(id), change: HaPolicyChange.parse(change) })
const protect = (story: Story, id: string) => set(story, { protection: 'checkpoint' }, id)
const replicaOf = (story: Story, id = 'a') => {
  const replica = story.state.vms.get(asVmId(id))?.replica
  return replica && `${replica.phase} on ${replica.nodeId}`
}
const isAsleep = (story: Story, id: string) =>
  story.state.nodes.get(asNodeId(id))?.standby !== undefined

/** What the nodes say: VMs, and replicas that are kept as they were told to. */
function held(story: Story): Record<string, string[]> {
  const all: Record<string, string[]> = {}
  for (const { id, phase } of story.state.nodes.values()) if (phase === 'online') all[id] = []
  for (const { id, epoch, nodeId, phase, replica } of story.state.vms.values()) {
    const said = replica && replica.phase !== 'ending' ? ` ${replica.id}=kept` : ''
    const is = phase === 'paused' ? phase : 'running'
    all[nodeId ?? '']?.push(`${id}@${epoch} ${is}${said}`)
    if (said) all[replica?.nodeId ?? '']?.push(`${id}@${epoch} replica ${replica?.id}`)
  }
  return all
}
function pass(story: Story, ms: number): void {
  for (let left = ms; left > 0; left -= 250) {
    for (const [id, { nodeId }] of [...story.state.commands]) story.result(nodeId, id)
    story.passWith(250, held(story))
  }
}

/** `a` and `b` keep n1 and n2 on, `c` is on n1 too; the replica of `a` is on n3. */
function onIdleNode(bMib = 16): Story {
  const story = running([
    ['a', 'n1', 50],
    ['b', 'n2', 50, bMib],
    ['c', 'n1', 5, 50],
  ])
  protect(story, 'a')
  pass(story, 1000)
  expect(replicaOf(story)).toBe('ready on n3')
  return story
}
const save = (story: Story) =>
  story.ask({ do: 'set-power', change: { save: true, sleepAfterMs: 1000, wakeMs: 500 } })

test('one that alone keeps a node on is made anew where others run, and the node sleeps', () => {
  const story = onIdleNode()
  save(story)
  pass(story, 4000)
  expect(replicaOf(story)).toBe('ready on n2')
  expect(isAsleep(story, 'n3')).toBe(true)
})

test.each<[string, (story: Story) => void, number]>([
  ['no room elsewhere', () => undefined, 90],
  [
    'a rule that wants it there',
    (story) => {
      const about = { kind: 'node-affinity', name: 'there', vms: ['a'] }
      const nodes = [{ id: 'n1', priority: 2 }, { id: 'n3', priority: 1 }, { id: 'n2' }]
      story.ask({ do: 'set-rule', rule: HaRule.parse({ ...about, nodes }) })
    },
    16,
  ],
  ['a VM that stands still', (story) => story.ask({ do: 'pause', vmId: asVmId('a') }), 16],
  ['a VM that is locked', (story) => set(story, { locked: true }), 16],
  [
    'a VM that is kept together with others',
    (story) => {
      const about = { kind: 'keep-together', name: 'pair', vms: ['a', 'later'] }
      story.ask({ do: 'set-rule', rule: HaRule.parse(about) })
      story.run('later', {}, 'n1')
    },
    16,
  ],
  [
    'a promise that would not be kept',
    (story) => {
      // `c` would have room on n2 alone.
      const n3 = story.state.nodes.get(asNodeId('n3'))
      if (n3) Object.assign(n3, { capacity: { ...n3.capacity, memoryMib: 20 } })
      story.ask({ do: 'set-ha', change: { tolerate: 1 } })
    },
    40,
  ],
])('it stays where it is for %s', (_, hold, bMib) => {
  const story = onIdleNode(bMib)
  hold(story)
  save(story)
  pass(story, 4000)
  expect(replicaOf(story)).toBe('ready on n3')
  expect(isAsleep(story, 'n3')).toBe(false)
})

test('a new one goes where others run', () => {
  const story = running([
    ['a', 'n1', 50],
    ['b', 'n2', 50],
  ])
  story.ask({ do: 'set-power', change: { save: true, sleepAfterMs: 60_000 } })
  protect(story, 'a')
  pass(story, 1000)
  expect(replicaOf(story)).toBe('ready on n2')
})

test('a node that sleeps is woken for one that has room nowhere else, and stays awake', () => {
  const story = running([['a', 'n1', 5]])
  save(story)
  pass(story, 3000)
  expect([isAsleep(story, 'n2'), isAsleep(story, 'n3')]).toEqual([true, true])
  protect(story, 'a')
  pass(story, 6000)
  expect(story.text).toContain('n2 is woken: the replica of a has room on no other node')
  expect(replicaOf(story)).toBe('ready on n2')
  expect([isAsleep(story, 'n2'), isAsleep(story, 'n3')]).toEqual([false, true])
})

test('no VM is moved to the node of its own replica: that would have to go where it came from', () => {
  const story = running([
    ['a', 'n1', 5],
    ['b', 'n2', 5, 40],
  ])
  story.lose('n3', true)
  protect(story, 'a')
  pass(story, 1000)
  expect(replicaOf(story)).toBe('ready on n2')
  save(story)
  pass(story, 3000)
  expect(story.state.migrations.size).toBe(0)
})

test('of two that keep a node on, both have room elsewhere, or none is given up', () => {
  const story = running([
    ['a', 'n1', 50],
    ['b', 'n2', 50, 80],
    ['d', 'n1', 50],
  ])
  for (const id of ['a', 'd']) protect(story, id)
  pass(story, 1500)
  expect([replicaOf(story), replicaOf(story, 'd')]).toEqual(['ready on n3', 'ready on n3'])
  save(story)
  pass(story, 4000)
  expect(story.text).not.toContain('end-replication')
})

test('one that is still being made is left to be made', () => {
  const story = running([
    ['a', 'n1', 50],
    ['b', 'n2', 50],
    ['c', 'n1', 5, 50],
  ])
  protect(story, 'a')
  story.pass(50)
  save(story)
  story.passWith(3000, { n1: ['a@1 running', 'c@3 running'], n2: ['b@2 running'], n3: [] })
  expect(replicaOf(story)).toBe('syncing on n3')
})

test('it does not go from one node that it alone keeps on to another one', () => {
  const story = running([['a', 'n1', 5, 60]])
  story.ask({ do: 'set-power', change: { sleepAfterMs: 60_000, wakeMs: 0 } })
  story.ask({ do: 'sleep', nodeId: asNodeId('n2') })
  protect(story, 'a')
  pass(story, 1000)
  expect(replicaOf(story)).toBe('ready on n3')
  story.ask({ do: 'wake', nodeId: asNodeId('n2') })
  story.ask({ do: 'set-power', change: { save: true } })
  pass(story, 4000)
  expect(isAsleep(story, 'n2')).toBe(false)
  expect(story.text).not.toContain('end-replication')
})

test('a node that is empty stays on for one that was refused there, and is tried again', () => {
  const story = running([
    ['a', 'n1', 50],
    ['b', 'n2', 5, 90],
  ])
  save(story)
  protect(story, 'a')
  for (let ms = 0; ms < 6000; ms += 250) {
    for (const [id, { kind }] of [...story.state.commands])
      if (kind === 'replicate') story.result('n1', id, 'link-lost')
    story.passWith(250, { n1: ['a@1 running'], n2: ['b@2 running'], n3: [] })
  }
  expect(story.text).not.toContain('n3 goes to standby')
})
