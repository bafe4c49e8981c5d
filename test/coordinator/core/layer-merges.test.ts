// Merges of layers as the coordinator has them: when one begins, which names are kept from sweeps
// all the while, when its result is given to the VM, and what becomes of it when answers are lost.

import { expect, test } from 'vitest'
import { layersNamed } from '#coordinator/core/disk-sweep.ts'
import { vmView } from '#coordinator/core/views.ts'
import { asVmId } from '#proto/ids.ts'
import { protocolVersion } from '#proto/units.ts'
import { Story } from './story.ts'

const vmId = asVmId('a')
const vmOf = (story: Story) => {
  const vm = story.state.vms.get(vmId)
  if (!vm) throw new Error('a is gone')
  return vm
}
const layers = (story: Story) => vmOf(story).disk.layers
const code = (story: Story) =>
  story.answer && 'fault' in story.answer ? story.answer.fault.code : 'accepted'
type Order = 'merge-layers' | 'swap-layers' | 'replicate'
const sent = (story: Story, kind: Order) => story.sent.filter((message) => message.t === kind)
const lastOf = (story: Story, kind: Order) => {
  const last = sent(story, kind).at(-1)
  if (!last || !('commandId' in last)) throw new Error(`no ${kind} was sent`)
  return { commandId: String(last.commandId), node: vmOf(story).nodeId ?? 'n1' }
}
const chain = (count: number) => Array.from({ length: count }, (_, n) => `a.${n}.old`)

interface Setting {
  readonly count: number
  readonly above?: number
  readonly speaks?: number
}

/** `a` runs on n1, on a disk of so many layers; its node has said so. n2 is there too. */
function running({ count, above = 4, speaks = protocolVersion }: Setting): Story {
  const story = new Story({ mergeLayersAbove: above })
  story.speaks = speaks
  story.join('n1', 'n2')
  story.run('a', { diskMib: 1 }, 'n1')
  story.result('n1', 'run1-1')
  held(story, chain(count))
  return story
}

/** Its node says which layers it has. */
function held(story: Story, names: string[]): void {
  story.layersHeld.set('a', names)
  story.beat('n1', ['a@1 running'])
  story.layersHeld.delete('a')
}

/** The new layer is written. */
function written(story: Story): void {
  const { commandId, node } = lastOf(story, 'merge-layers')
  story.result(node, commandId)
}

function swapped(story: Story): void {
  const { commandId, node } = lastOf(story, 'swap-layers')
  story.result(node, commandId)
}

test('a disk with many layers is merged by itself: written beside it, and put in its place', () => {
  const story = running({ count: 6 })
  story.pass(50)
  expect(sent(story, 'merge-layers')).toMatchObject([{ layers: chain(5) }])
  const into = vmOf(story).merge?.into ?? ''
  expect(layersNamed(story.state)).toEqual(expect.arrayContaining([...chain(6), into]))
  expect(layers(story)).toEqual(chain(6))
  written(story)
  expect(sent(story, 'swap-layers')).toMatchObject([{ disk: { layers: [into, 'a.5.old'] } }])
  expect(layersNamed(story.state)).toEqual(expect.arrayContaining([...chain(6), into]))
  swapped(story)
  expect(layers(story)).toEqual([into, 'a.5.old'])
  expect(layersNamed(story.state)).toEqual([into, 'a.5.old'].sort())
  expect(story.lines.some((line) => line.includes('5 layers of the disk of a are one now'))).toBe(
    true,
  )
})

test('a disk with few layers is left alone', () => {
  const story = running({ count: 4 })
  story.pass(500)
  expect(sent(story, 'merge-layers')).toEqual([])
})

test('an agent that does not know how is never asked', () => {
  const story = running({ count: 20, speaks: protocolVersion - 1 })
  story.pass(500)
  story.ask({ do: 'merge', vmId })
  expect(code(story)).toBe('no-node')
  expect(sent(story, 'merge-layers')).toEqual([])
})

test('of nodes of two versions the one that cannot swap is not given anything to swap', () => {
  const story = new Story({ mergeLayersAbove: 4 })
  story.speaks = protocolVersion - 1
  story.join('n1')
  story.speaks = protocolVersion
  story.join('n2')
  story.run('a', { diskMib: 1 }, 'n1')
  story.result('n1', 'run1-1')
  held(story, chain(6))
  story.pass(500)
  story.ask({ do: 'merge', vmId })
  expect([code(story), sent(story, 'merge-layers')]).toEqual(['no-node', []])
})

test('a person merges all that is below the top, of a disk with two layers below it at least', () => {
  const story = running({ count: 3 })
  story.ask({ do: 'merge', vmId })
  expect(code(story)).toBe('accepted')
  expect(sent(story, 'merge-layers')).toMatchObject([{ layers: chain(2) }])
  expect(vmView(story.state, vmOf(story)).merging).toEqual({ layers: 2, phase: 'writing' })
  story.ask({ do: 'merge', vmId })
  expect(code(story)).toBe('wrong-state')
  written(story)
  swapped(story)
  story.ask({ do: 'merge', vmId })
  expect([code(story), layers(story).length]).toEqual(['wrong-state', 2])
})

/** `a` has a replica on n2, and many layers. */
function keptTwice(count: number): Story {
  const story = running({ count })
  story.ask({ do: 'set-policy', vmId, change: { protection: 'continuous' } }, 'level')
  story.beat('n1', ['a@1 running'])
  story.pass(50)
  story.result('n1', lastOf(story, 'replicate').commandId)
  story.passWith(250, { n1: [`a@1 running ${vmOf(story).replica?.id}=kept`], n2: [] })
  expect(vmOf(story).replica?.phase).toBe('ready')
  return story
}

test('a replica, which names the old layers, ends for what a person wished', () => {
  const story = keptTwice(3)
  story.ask({ do: 'merge', vmId })
  expect(code(story)).toBe('accepted')
  expect(vmOf(story).replica?.phase).toBe('ready')
  written(story)
  expect([vmOf(story).replica?.phase, sent(story, 'swap-layers')]).toEqual(['ending', []])
  story.beat('n1', ['a@1 running'])
  story.pass(50)
  expect(sent(story, 'swap-layers')).toHaveLength(1)
  // Until then no other one is begun.
  expect(vmOf(story).replica).toBeUndefined()
  swapped(story)
  story.passWith(2000, { n1: ['a@1 running'], n2: [] })
  expect(vmOf(story).replica?.phase).toBe('syncing')
})

test('a merge that nobody wished is written beside it, and waits for its end', () => {
  const story = keptTwice(6)
  story.pass(50)
  written(story)
  story.passWith(2000, { n1: [`a@1 running ${vmOf(story).replica?.id}=kept`], n2: [] })
  expect([vmOf(story).replica?.phase, sent(story, 'swap-layers')]).toEqual(['ready', []])
  story.beat('n1', [`a@1 running ${vmOf(story).replica?.id}=lost`])
  story.beat('n1', ['a@1 running'])
  story.pass(50)
  expect(sent(story, 'swap-layers')).toHaveLength(1)
})

test('a stopped VM is merged by whoever is there, and needs nobody to swap', () => {
  const story = running({ count: 3 })
  story.ask({ do: 'stop', vmId })
  story.result('n1', 'run1-2')
  story.lose('n1')
  story.ask({ do: 'merge', vmId })
  expect(code(story)).toBe('accepted')
  story.result('n2', lastOf(story, 'merge-layers').commandId)
  expect(layers(story)).toHaveLength(2)
  expect(sent(story, 'swap-layers')).toEqual([])
})

test('one that fails is told, changes nothing, and is tried again later', () => {
  const story = running({ count: 6 })
  story.pass(50)
  story.result('n1', lastOf(story, 'merge-layers').commandId, 'disk-failed')
  expect([vmOf(story).merge, layers(story)]).toEqual([undefined, chain(6)])
  expect(story.lines.some((line) => line.includes('were not merged: n1 says disk-failed'))).toBe(
    true,
  )
  story.passWith(500, { n1: ['a@1 running'], n2: [] })
  expect(sent(story, 'merge-layers')).toHaveLength(1)
  story.passWith(2000, { n1: ['a@1 running'], n2: [] })
  expect(sent(story, 'merge-layers')).toHaveLength(2)
})

test('its node dies while it writes: it is forgotten, and another begins where the VM runs then', () => {
  const story = running({ count: 6 })
  story.pass(50)
  const first = vmOf(story).merge?.into ?? ''
  story.lose('n1')
  expect(vmOf(story).merge).toBeUndefined()
  expect(layersNamed(story.state)).not.toContain(first)
  for (let ms = 0; ms < 4000 && vmOf(story).phase !== 'starting'; ms += 250) {
    story.pass(250)
    story.beat('n2')
  }
  story.beat('n2', ['a@2 running'])
  story.pass(50)
  expect(sent(story, 'merge-layers')).toHaveLength(2)
  expect(vmOf(story)).toMatchObject({ nodeId: 'n2', merge: { layers: chain(5) } })
  expect(vmOf(story).merge?.into).not.toBe(first)
})

test('an answer that is lost is asked for again; until then both accounts are kept from sweeps', () => {
  const story = running({ count: 6 })
  story.pass(50)
  written(story)
  const into = vmOf(story).merge?.into ?? ''
  story.lose('n1')
  story.hello('n1', ['a@1 running'])
  expect(layersNamed(story.state)).toEqual(expect.arrayContaining([...chain(6), into]))
  story.beat('n1', ['a@1 running'])
  story.passWith(500, { n1: ['a@1 running'], n2: [] })
  expect(sent(story, 'swap-layers')).toHaveLength(2)
  swapped(story)
  expect(layers(story)).toEqual([into, 'a.5.old'])
})

test('the node says by itself that it has the new layer: that is an answer too', () => {
  const story = running({ count: 6 })
  story.pass(50)
  written(story)
  const into = vmOf(story).merge?.into ?? ''
  story.restart()
  story.layersHeld.set('a', [into, 'a.5.old'])
  story.hello('n1', ['a@1 running'])
  story.beat('n1', ['a@1 running'])
  story.pass(50)
  expect([vmOf(story).merge, layers(story)]).toEqual([undefined, [into, 'a.5.old']])
})

test('a new coordinator forgets what was being written, and remembers what was whole', () => {
  const story = running({ count: 6 })
  story.pass(50)
  story.restart()
  expect(vmOf(story).merge).toBeUndefined()
  story.join('n2')
  story.hello('n1', ['a@1 running'])
  story.beat('n1', ['a@1 running'])
  story.pass(50)
  written(story)
  const into = vmOf(story).merge?.into
  story.restart()
  expect(vmOf(story).merge).toMatchObject({ into, isWhole: true })
})

test('a snapshot that is asked for while a swap is under way is laid on what comes of it', () => {
  const story = running({ count: 6 })
  story.pass(50)
  written(story)
  const into = vmOf(story).merge?.into ?? ''
  story.ask({ do: 'snapshot', vmId, name: 'one' })
  expect(code(story)).toBe('accepted')
  expect(layers(story).slice(0, 2)).toEqual([into, 'a.5.old'])
  expect(layers(story)).toHaveLength(3)
  swapped(story)
  expect([layers(story).length, vmOf(story).merge]).toEqual([3, undefined])
})

test('while a snapshot is taken nothing is swapped, nor begun', () => {
  const story = running({ count: 6 })
  story.pass(50)
  story.ask({ do: 'snapshot', vmId, name: 'one' })
  written(story)
  story.pass(200)
  expect(sent(story, 'swap-layers')).toEqual([])
  const other = running({ count: 3 })
  other.ask({ do: 'snapshot', vmId, name: 'one' })
  other.pass(200)
  expect(sent(other, 'merge-layers')).toEqual([])
})

test('a migration waits for a swap that is under way, and a swap for a migration', () => {
  const story = running({ count: 6 })
  story.pass(50)
  written(story)
  story.migrate('a', 'n2')
  const [migration] = story.state.openMigrations
  story.admit(migration ?? '')
  expect(story.state.migrations.get(migration as never)?.phase).toBe('queued')
  swapped(story)
  story.pass(50)
  expect(story.state.migrations.get(migration as never)?.phase).toBe('copying')
  const other = running({ count: 6 })
  other.pass(50)
  other.migrate('a', 'n2')
  other.admit([...other.state.openMigrations][0] ?? '')
  written(other)
  other.pass(200)
  expect(sent(other, 'swap-layers')).toEqual([])
})

test('a restore to layers that are not those leaves the merge without a use', () => {
  const story = running({ count: 6 })
  story.pass(50)
  written(story)
  story.result('n1', lastOf(story, 'swap-layers').commandId, 'wrong-state')
  held(story, ['a.0.old', 'a.77.disk'])
  story.passWith(2000, { n1: ['a@1 running'], n2: [] })
  expect([vmOf(story).merge, layers(story)]).toEqual([undefined, ['a.0.old', 'a.77.disk']])
})

test('what was merged weighs what it was made of, and young layers are merged first', () => {
  const story = running({ count: 12, above: 10 })
  story.pass(50)
  written(story)
  swapped(story)
  const [merged = ''] = layers(story)
  expect(vmOf(story).layerWeights).toEqual({ [merged]: 11 })
  held(story, [merged, ...chain(20).slice(8)])
  story.pass(50)
  expect(sent(story, 'merge-layers').at(-1)).toMatchObject({ layers: chain(19).slice(8) })
})
