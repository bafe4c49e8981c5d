// Replicas as the coordinator sees them: which VM is to have one, and the one question, whether the
// primary goes on alone or the replica takes over. Nodes here are only voices (story.ts).

import { describe, expect, test } from 'vitest'
import { toleratedOf } from '#coordinator/core/ha/admission.ts'
import { snapshotsOf } from '#coordinator/core/snapshots.ts'
import { asNodeId, asVmId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story, started, stateOf } from '../story.ts'
import { idOf, kept, level, replicaOf, sent, syncing, takingOver, vmOf } from './replica-story.ts'

describe('a VM that is to have a replica', () => {
  test('gets one on another node, and it counts when the primary says that one is kept', () => {
    const story = syncing()
    expect(replicaOf(story)).toBe('r2 syncing n2')
    story.result('n1', idOf(story, 'replicate'))
    story.passWith(250, { n1: ['a@1 running r2=syncing'], n2: ['a@1 replica r2=kept r2'] })
    expect(replicaOf(story)).toBe('r2 syncing n2')
    story.passWith(250, { n1: ['a@1 running r2=kept'], n2: ['a@1 replica r2=kept r2'] })
    expect(replicaOf(story)).toBe('r2 ready n2')
    expect(story.text).toContain('a has a replica on n2 (continuous, every 50 ms)')
  })

  test('gets none of what does not run, has company, or stands on a cluster that is disarmed', () => {
    const paused = started()
    paused.ask({ do: 'pause', vmId: asVmId('a') })
    paused.result('n1', idOf(paused, 'pause'))
    const disarmed = started()
    disarmed.ask({ do: 'set-ha', change: { armed: false } }, 'disarm')
    for (const story of [paused, disarmed]) {
      level(story, 'continuous')
      const is = story === paused ? 'paused' : 'running'
      story.passWith(2000, { n1: [`a@1 ${is}`], n2: [] })
      expect(sent(story, 'replicate')).toEqual([])
    }
  })

  test('is tried again, later and later, when its node could not', () => {
    const story = syncing()
    story.result('n1', idOf(story, 'replicate'), 'no-room')
    expect(replicaOf(story)).toBeUndefined()
    story.passWith(60_000, { n1: ['a@1 running'], n2: [] })
    const tries = sent(story, 'replicate').length
    expect(tries).toBeGreaterThanOrEqual(1)
    expect(tries).toBeLessThan(30)
  })

  test('an order that was lost with its link is given again', () => {
    const story = syncing()
    story.lose('n1')
    story.hello('n1', ['a@1 running'])
    expect(replicaOf(story)).toBeUndefined()
    story.passWith(10_000, { n1: ['a@1 running'], n2: [] })
    expect(sent(story, 'replicate').length).toBe(2)
  })

  test('the memory of its replica is taken, where it is', () => {
    const story = kept('continuous', {}, { memoryMib: 60 })
    story.run('b', { memoryMib: 60 })
    expect(stateOf(story, 'b')).toBe('pending undefined @0')
    expect(sent(story, 'start').filter((line) => line.includes('b@'))).toEqual([])
  })

  test('gives it up for a snapshot, and has another one behind it', () => {
    const story = kept()
    story.ask({ do: 'snapshot', vmId: asVmId('a'), name: 's' })
    expect(sent(story, 'take s')).toEqual([])
    story.ask({ do: 'snapshot', vmId: asVmId('a'), name: 't' })
    expect(story.answer).toMatchObject({ fault: { message: expect.stringMatching(/in a moment/) } })
    story.result('n1', idOf(story, 'end-replication'))
    expect(replicaOf(story)).toBeUndefined()
    story.passWith(2000, { n1: ['a@1 running'], n2: [] })
    expect(sent(story, 'take s').length).toBe(1)
    // While the layers change none is begun: it would name the old ones.
    expect(sent(story, 'replicate').length).toBe(1)
    story.result('n1', idOf(story, 'take s'), 'disk-failed')
    story.passWith(2000, { n1: ['a@1 running'], n2: [] })
    expect(sent(story, 'replicate').length).toBe(2)
  })

  test('a snapshot that waits for that fails with the node, and says so', () => {
    const story = kept()
    story.ask({ do: 'snapshot', vmId: asVmId('a'), name: 's' })
    story.lose('n1')
    story.passWith(4000, { n2: ['a@1 replica r2=silent r2'] })
    expect(snapshotsOf(story.state, asVmId('a'))).toMatchObject([{ name: 's', phase: 'failed' }])
    expect(sent(story, 'take s')).toEqual([])
  })
})

describe('the primary goes on alone', () => {
  test('when it has lost its replica: remembered before it is told, and then nobody takes over', () => {
    const story = kept()
    const from = story.lines.length
    story.beat('n1', ['a@1 running r2=lost'])
    const news = story.lines.slice(from)
    expect(news.indexOf('= vm/a')).toBeGreaterThanOrEqual(0)
    expect(news.indexOf('= vm/a')).toBeLessThan(
      news.findIndex((line) => line.includes('end-replication')),
    )
    expect(replicaOf(story)).toBe('r2 ending n2')
    story.lose('n1')
    story.passWith(4000, { n2: ['a@1 replica r2=silent r2'] })
    expect(sent(story, 'take-over')).toEqual([])
    expect(stateOf(story)).toBe('starting n2 @2')
  })

  test('it is told until it has answered, also by a coordinator that has been away', () => {
    const story = kept()
    story.beat('n1', ['a@1 running r2=lost'])
    story.restart()
    expect(replicaOf(story)).toBe('r2 ending n2')
    story.hello('n2', ['a@1 replica r2=silent r2'])
    story.beat('n2', ['a@1 replica r2=silent r2'])
    story.pass(200)
    expect(sent(story, 'take-over')).toEqual([])
    story.hello('n1', ['a@1 running r2=lost'])
    story.result('n1', idOf(story, 'end-replication'))
    expect(replicaOf(story)).toBeUndefined()
    expect(stateOf(story)).toBe('running n1 @1')
  })

  test.each([
    ['another level is wanted', (story: Story) => level(story, 'checkpoint')],
    ['none is wanted', (story: Story) => level(story, 'none')],
    ['other times are wanted', (story: Story) => level(story, 'continuous', { checkpointMs: 500 })],
    [
      'the node of the replica is in maintenance',
      (story: Story) =>
        story.ask({ do: 'maintenance', nodeId: asNodeId('n2'), params: {} as never }, 'maintain'),
    ],
    ['the node of the replica leaves in good order', (story: Story) => story.lose('n2', true)],
    [
      'a rule forbids its node',
      (story: Story) => {
        const nodes = [{ id: 'n1', priority: 0 }]
        const kind = 'node-affinity' as const
        const rule = { kind, name: 'r', vms: ['a'], nodes, strict: true }
        story.ask({ do: 'set-rule', rule }, 'rule')
      },
    ],
    [
      'it is to move',
      (story: Story) => {
        story.migrate('a', 'n2')
        story.admit([...story.state.openMigrations][0] ?? '')
      },
    ],
    ['it is to stop', (story: Story) => story.ask({ do: 'stop', vmId: asVmId('a') })],
  ])('when %s', (_, ask) => {
    const story = kept()
    ask(story)
    story.passWith(250, { n1: ['a@1 running r2=kept'] })
    expect(sent(story, 'end-replication').length).toBe(1)
    expect(replicaOf(story)).toBe('r2 ending n2')
  })

  test('what is to move, moves when its replica has ended', () => {
    const story = kept()
    story.migrate('a', 'n2')
    story.admit([...story.state.openMigrations][0] ?? '')
    const both = { n1: ['a@1 running r2=kept'], n2: ['a@1 replica r2'] }
    story.passWith(1000, both)
    expect(sent(story, 'migrate')).toEqual([])
    story.result('n1', idOf(story, 'end-replication'))
    story.passWith(250, { n1: ['a@1 running'], n2: [] })
    expect(sent(story, 'migrate').length).toBe(1)
  })

  test('what is to stop is told so when its replica has ended: what is held is on its disk', () => {
    const story = kept()
    const from = story.lines.length
    story.ask({ do: 'stop', vmId: asVmId('a') })
    story.result('n1', idOf(story, 'end-replication'))
    const told = story.lines.slice(from).filter((line) => /^> n1 (end|stop)/.test(line))
    expect(told.map((line) => line.split(' ')[2])).toEqual(['end-replication', 'stop'])
  })

  test('a replica that no coordinator of ours has ordered ends, and the copy of it goes', () => {
    const story = new Story()
    story.hello('n2', ['a@1 replica r2'])
    expect(sent(story, 'resolve')).toEqual(['> n2 resolve discard a@1 (run1-1)'])
    story.hello('n1', ['a@1 running r2=kept'])
    story.beat('n1', ['a@1 running r2=lost'])
    expect(sent(story, 'end-replication').length).toBe(1)
    expect(stateOf(story)).toBe('running n1 @1')
  })

  test('a copy of a replica that counts no more goes', () => {
    const story = kept()
    level(story, 'restart')
    story.passWith(250, { n1: ['a@1 running r2=kept'] })
    story.result('n1', idOf(story, 'end-replication'))
    story.passWith(250, { n1: ['a@1 running'], n2: ['a@1 replica r2=silent r2'] })
    expect(sent(story, 'resolve').at(-1)).toContain('n2 resolve discard a@1')
  })
})

describe('the replica takes over', () => {
  test('continuous: at once when both the node and the replica have lost it; told when remembered', () => {
    const story = kept()
    const from = story.lines.length
    story.lose('n1')
    expect(stateOf(story)).toBe('running n1 @1')
    story.beat('n2', ['a@1 replica r2=silent r2'])
    expect(stateOf(story)).toBe('starting n2 @2')
    const news = story.lines.slice(from)
    const told = news.findIndex((line) => line.includes('take-over a@2 of r2'))
    expect(news.lastIndexOf('= vm/a')).toBeLessThan(told)
    expect(vmOf(story)?.bootEpoch).toBe(1)
    story.result('n2', idOf(story, 'take-over'), undefined, {
      tookOver: { checkpoint: 7, lostMs: 12, agoMs: 300 },
    })
    expect(stateOf(story)).toBe('running n2 @2')
    expect(story.text).toContain('a went on from checkpoint 7, taken 12 ms before')
  })

  test('continuous: not of a primary that answers, whatever its replica says', () => {
    const story = kept()
    story.passWith(1000, { n1: ['a@1 running r2=kept'], n2: ['a@1 replica r2=silent r2'] })
    expect(sent(story, 'take-over')).toEqual([])
  })

  test('a replica that has not lost its primary waits for the lease of the node', () => {
    const story = kept()
    story.lose('n1')
    story.passWith(2500, { n2: ['a@1 replica r2=kept r2'] })
    expect(stateOf(story)).toMatch(/running n1 @1|recovering n1 @1/)
    story.passWith(1000, { n2: ['a@1 replica r2=kept r2'] })
    expect(stateOf(story)).toBe('starting n2 @2')
    expect(sent(story, 'take-over').length).toBe(1)
  })

  test('checkpoint: by the lease of its node only; and it is another boot for its clients', () => {
    const story = kept('checkpoint')
    story.lose('n1')
    story.passWith(2500, { n2: ['a@1 replica r2=silent r2'] })
    expect(sent(story, 'take-over')).toEqual([])
    story.passWith(1000, { n2: ['a@1 replica r2=silent r2'] })
    expect(sent(story, 'take-over').length).toBe(1)
    expect(vmOf(story)?.bootEpoch).toBe(2)
  })

  test.each(['running', 'paused'])('of a %s VM whose node leaves in good order, at once', (is) => {
    const story = kept('checkpoint')
    if (is === 'paused') {
      story.ask({ do: 'pause', vmId: asVmId('a') })
      story.result('n1', idOf(story, 'pause'))
    }
    story.event('n1', 'a@1', 'fenced')
    expect(stateOf(story)).toBe('starting n2 @2')
    expect(sent(story, 'take-over').length).toBe(1)
  })

  test('not where an operator has locked it, nor a replica that does not count yet', () => {
    const locked = kept('continuous', { locked: true })
    const young = syncing()
    for (const story of [locked, young]) {
      story.lose('n1')
      story.passWith(4000, { n2: ['a@1 replica r2=silent r2'] })
      expect(sent(story, 'take-over')).toEqual([])
    }
  })

  test('the old primary is told to stop, and cannot end what is over', () => {
    const story = takingOver()
    story.result('n2', idOf(story, 'take-over'))
    story.hello('n1', ['a@1 running r2=lost'])
    expect(sent(story, 'stop')).toEqual([expect.stringContaining('n1 stop a@1')])
    expect(sent(story, 'end-replication')).toEqual([])
    expect(stateOf(story)).toBe('running n2 @2')
  })

  test('a coordinator that ends before it has told it, tells it when it is back', () => {
    const story = takingOver()
    story.restart()
    expect(stateOf(story)).toBe('starting n2 @2')
    const from = story.lines.length
    story.hello('n1', ['a@1 running r2=lost'])
    story.hello('n2', ['a@1 replica r2=silent r2'])
    // Not before it has a lease: it would refuse, and give the replica up.
    expect(sent(story, 'take-over', from)).toEqual([])
    story.beat('n2', ['a@1 replica r2=silent r2'])
    expect(sent(story, 'stop', from)).toEqual([expect.stringContaining('n1 stop a@1')])
    expect(sent(story, 'take-over', from)).toEqual([
      expect.stringContaining('n2 take-over a@2 of r2'),
    ])
    story.result('n2', idOf(story, 'take-over'))
    expect(stateOf(story)).toBe('running n2 @2')
  })

  test('one that could not is not asked again: the VM starts from its disk', () => {
    const story = takingOver()
    story.result('n2', idOf(story, 'take-over'), 'hash-mismatch')
    story.passWith(500, { n2: [] })
    expect(stateOf(story)).toBe('starting n2 @3')
    expect(sent(story, 'start').at(-1)).toContain('n2 start a@3')
  })

  test('however long it waits for the right of the primary to end, nobody else is started', () => {
    const story = takingOver({ checkpointMs: 20_000 })
    story.passWith(60_000, { n2: ['a@1 replica r2=silent r2'] })
    expect(stateOf(story)).toBe('starting n2 @2')
    expect(sent(story, 'start').filter((line) => line.includes('@3'))).toEqual([])
    story.result('n2', idOf(story, 'take-over'))
    expect(stateOf(story)).toBe('running n2 @2')
  })

  test('one that is to stop meanwhile is stopped only when its node has it no more', () => {
    const story = takingOver()
    story.ask({ do: 'stop', vmId: asVmId('a') })
    story.result('n2', idOf(story, 'stop'), 'stale-epoch')
    story.passWith(3000, { n2: ['a@1 replica r2=silent r2'] })
    expect(stateOf(story)).toBe('stopping n2 @2')
    // Under the epoch that it is to have: one under an older epoch is refused by what is launching.
    expect(sent(story, 'resolve').at(-1)).toContain('n2 resolve discard a@2')
    story.result('n2', idOf(story, 'take-over'), 'cancelled')
    expect(stateOf(story)).toBe('stopped undefined @2')
  })

  test('one that runs all the same is stopped then', () => {
    const story = takingOver()
    story.ask({ do: 'stop', vmId: asVmId('a') })
    story.result('n2', idOf(story, 'stop'), 'stale-epoch')
    story.passWith(250, { n2: ['a@2 running'] })
    expect(sent(story, 'stop').at(-1)).toContain('n2 stop a@2')
    story.result('n2', idOf(story, 'stop'))
    expect(stateOf(story)).toBe('stopped undefined @2')
  })
})

describe('the room that a replica takes', () => {
  const big = () => kept('continuous', {}, { memoryMib: 60 })

  test('is not in the way of its own VM, which it makes way for', () => {
    const story = big()
    const params = MigrationParams.parse({})
    story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params }, 'evacuate n1')
    story.passWith(250, { n1: ['a@1 running r2=kept'], n2: ['a@1 replica r2'] })
    expect(vmOf(story)?.phase).toBe('migrating')
  })

  test('is there for its VM when its node is lost: admission control asks for no more', () => {
    const story = big()
    expect(toleratedOf(story.state)).toBe(1)
    story.run('b', { memoryMib: 35 })
    expect(stateOf(story, 'b')).toBe('starting n2 @2')
    expect(toleratedOf(story.state)).toBe(1)
    // What would not fit beside it does not, as ever.
    story.run('c', { memoryMib: 10 })
    expect(toleratedOf(story.state)).toBe(0)
  })
})
