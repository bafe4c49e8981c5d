// Snapshots as the coordinator has them: which layers a VM is believed to have at every instant,
// how a restore becomes a start under a new epoch, and what becomes of one whose node is lost.

import { expect, test } from 'vitest'
import { snapshotsOf } from '#coordinator/core/snapshots.ts'
import { asVmId } from '#proto/ids.ts'
import type { SnapshotTaken } from '#proto/snapshots.ts'
import { type Story, started, stateOf } from './story.ts'

const vmId = asVmId('a')
const vmOf = (story: Story) => {
  const vm = story.state.vms.get(vmId)
  if (!vm) throw new Error('a is gone')
  return vm
}
const layers = (story: Story) => vmOf(story).disk.layers
const phases = (story: Story) =>
  snapshotsOf(story.state, vmId).map(({ name, phase }) => `${name} ${phase}`)
const code = (story: Story) =>
  story.answer && 'fault' in story.answer ? story.answer.fault.code : 'accepted'
const lastSent = (story: Story) => story.lines.filter((line) => line.startsWith('>')).at(-1) ?? ''

/** What the node says of a snapshot whose disk was sealed with these layers. */
function taken(story: Story, name: string, parent?: SnapshotTaken): { snapshot: SnapshotTaken } {
  const { spec, identity, disk } = vmOf(story)
  const record = {
    ...{ vmId, name, spec, identity, depth: parent ? 1 : 0, takenWallMs: 1 },
    id: Buffer.from(name.padEnd(16, '-')).toString('hex'),
    ...(parent && { parent: { name: parent.record.name, id: parent.record.id } }),
    disk: { ...disk, layers: disk.layers.slice(0, -1) },
  }
  const measured = { downtimeMs: 2, totalMs: 9, pages: 3, storedBytes: 4 }
  return { snapshot: { record, measured } }
}

/** A VM on n1 with the snapshot `one`. */
function withSnapshot() {
  const story = started()
  story.ask({ do: 'snapshot', vmId, name: 'one' })
  const one = taken(story, 'one')
  story.result('n1', 'run1-2', undefined, one)
  return { story, one: one.snapshot }
}

test('a snapshot seals the disk: from the command on the VM starts on a layer above it', () => {
  const story = started()
  story.ask({ do: 'snapshot', vmId, name: 'one' })
  expect(lastSent(story)).toContain('take one of a@1 (run1-2)')
  expect(layers(story)).toEqual(['a.1.disk', 'a.2.disk'])
  // A heartbeat that was sent before: the node has not changed the layers yet.
  story.layersHeld.set('a', ['a.1.disk'])
  story.beat('n1', ['a@1 running'])
  expect(layers(story)).toEqual(['a.1.disk', 'a.2.disk'])
  story.result('n1', 'run1-2', undefined, taken(story, 'one'))
  expect(phases(story)).toEqual(['one ready'])
})

test('one that fails is told, and the node says on which layers the VM goes on', () => {
  const story = started()
  story.ask({ do: 'snapshot', vmId, name: 'one' })
  story.result('n1', 'run1-2', 'no-room')
  expect([phases(story), stateOf(story)]).toEqual([['one failed'], 'running n1 @1'])
  story.layersHeld.set('a', ['a.1.disk'])
  story.beat('n1', ['a@1 running'])
  expect(layers(story)).toEqual(['a.1.disk'])
  story.ask({ do: 'snapshot', vmId, name: 'one' })
  expect(code(story)).toBe('accepted')
})

test('what runs is stopped, and starts from the snapshot under a new epoch, on a fresh layer', () => {
  const { story } = withSnapshot()
  story.ask({ do: 'restore', vmId, name: 'one' })
  expect([stateOf(story), lastSent(story)]).toEqual([
    'stopping n1 @1',
    expect.stringContaining('stop a@1 (run1-3)'),
  ])
  story.result('n1', 'run1-3')
  expect(vmOf(story).epoch).toBe(2)
  expect(lastSent(story)).toMatch(/start a@2 \(run1-4\) from one on a\.1\.disk,a\.\d+\.disk/)
  expect(layers(story)).not.toContain('a.2.disk')
  const from = vmOf(story).nodeId ?? ''
  story.result(from, 'run1-4')
  expect(stateOf(story)).toBe(`running ${from} @2`)
  expect(vmOf(story).restoreFrom).toBeUndefined()
})

test('a node that cannot restore it fails the VM, which then starts from its disk', () => {
  const { story } = withSnapshot()
  story.ask({ do: 'restore', vmId, name: 'one' })
  story.result('n1', 'run1-3')
  story.result(vmOf(story).nodeId ?? '', 'run1-4', 'bad-snapshot')
  expect(stateOf(story)).toBe('failed undefined @2')
  story.ask({ do: 'start', vmId })
  expect(lastSent(story)).toMatch(/start a@3 \(run1-5\)$/)
})

test('a stop while it is being restored is the last word', () => {
  const { story } = withSnapshot()
  story.ask({ do: 'restore', vmId, name: 'one' })
  story.result('n1', 'run1-3')
  story.ask({ do: 'stop', vmId })
  story.result(vmOf(story).nodeId ?? '', 'run1-5')
  expect(stateOf(story)).toBe('stopped undefined @2')
})

test('the coordinator is killed between stop and start: the restore goes on', () => {
  const { story } = withSnapshot()
  story.ask({ do: 'restore', vmId, name: 'one' })
  story.restart()
  story.join('n1', 'n2')
  story.passWith(5000, { n1: [], n2: [] })
  expect(story.lines.some((line) => /start a@\d+ \(.*\) from one on a\.1\.disk,/.test(line))).toBe(
    true,
  )
})

test('the link is lost while one is taken: it has failed, and can be removed to be sure', () => {
  const story = started()
  story.ask({ do: 'snapshot', vmId, name: 'one' })
  story.lose('n1')
  expect(phases(story)).toEqual(['one failed'])
  expect(layers(story)).toEqual(['a.1.disk', 'a.2.disk'])
  story.ask({ do: 'drop-snapshot', vmId, name: 'one' })
  expect(lastSent(story)).toMatch(/> n2 drop one of a/)
  story.result('n2', 'run1-3', 'unknown-snapshot')
  expect(phases(story)).toEqual([])
})

test('a parent goes, and its child is over the parent’s parent', () => {
  const { story, one } = withSnapshot()
  story.ask({ do: 'snapshot', vmId, name: 'two' })
  story.result('n1', 'run1-3', undefined, taken(story, 'two', one))
  story.ask({ do: 'drop-snapshot', vmId, name: 'one' })
  expect(phases(story)).toEqual(['two ready', 'one removing'].sort())
  story.result('n1', 'run1-4')
  expect(snapshotsOf(story.state, vmId)).toMatchObject([{ name: 'two', record: { depth: 0 } }])
  expect(snapshotsOf(story.state, vmId)[0]?.record?.parent).toBeUndefined()
})

test.each([
  ['a name that is taken', { do: 'snapshot', vmId, name: 'one' }, 'name-taken'],
  ['a snapshot that is not there', { do: 'restore', vmId, name: 'two' }, 'unknown-snapshot'],
  [
    'removing one that is not there',
    { do: 'drop-snapshot', vmId, name: 'two' },
    'unknown-snapshot',
  ],
] as const)('%s is refused', (_what, command, wanted) => {
  const { story } = withSnapshot()
  story.ask(command)
  expect(code(story)).toBe(wanted)
})

test('a VM with snapshots is not forgotten before they are', () => {
  const { story } = withSnapshot()
  story.ask({ do: 'stop', vmId })
  story.result('n1', 'run1-3')
  story.ask({ do: 'remove', vmId })
  expect(code(story)).toBe('wrong-state')
  story.ask({ do: 'drop-snapshot', vmId, name: 'one' })
  story.result('n1', 'run1-4')
  story.ask({ do: 'remove', vmId })
  expect(code(story)).toBe('accepted')
})

test('a start that is tried again has a layer of its own, and that of the first try is swept', () => {
  const { story, one } = withSnapshot()
  story.state.templates.set('shop', { ...{ id: 'shop', about: '', phase: 'ready' }, ...one })
  story.run('b', {}, undefined, 'shop')
  const made = story.state.vms.get(asVmId('b'))
  const [first, node] = [made?.disk.layers.at(-1), made?.nodeId]
  const other = node === 'n1' ? 'n2' : 'n1'
  story.state.sweepAtMs = Number.POSITIVE_INFINITY
  story.lose(node ?? '')
  story.passWith(5000, { [other]: [] })
  expect(made).toMatchObject({ nodeId: other, phase: 'starting' })
  expect(made?.disk.layers).not.toContain(first)
  expect(story.state.sweepAtMs).toBeLessThan(10_000)
})
