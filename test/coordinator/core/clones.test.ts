// Clones of one parent one after the other: what one of them leaves behind must not be the next
// one's ground, and what is queued waits for what is only away.

import { expect, test } from 'vitest'
import { asMigrationId, asVmId } from '#proto/ids.ts'
import { type Story, started, stateOf } from './story.ts'

const layersOf = (story: Story, id: string) => story.state.vms.get(asVmId(id))?.disk.layers
const phaseOf = (story: Story, id: string) => story.state.migrations.get(asMigrationId(id))?.phase

test('a clone that failed before the parent changed its disk leaves no layer behind', () => {
  const story = started()
  story.clone('a', ['a1'], 'n2')
  story.clone('a', ['a2'], 'n2')
  story.admit('m2')
  story.layersHeld.set('a', ['a.1.disk'])
  story.say('while it is under way its layers are ours to know')
  story.beat('n1', ['a@1 running m2'])
  expect(layersOf(story, 'a')).toEqual(['a.1.disk', 'a.7.disk'])
  story.result('n1', 'run1-2', 'link-lost')
  story.say('the next one waits for the word of the parent: which layers are there')
  story.admit('m4')
  story.pass(200)
  expect(phaseOf(story, 'm4')).toBe('queued')
  story.beat('n1', ['a@1 running'])
  story.pass(50)
  expect(phaseOf(story, 'm4')).toBe('copying')
  expect(layersOf(story, 'a')).toEqual(['a.1.disk', 'a.9.disk'])
  expect(layersOf(story, 'a2')).toEqual(['a.1.disk', 'a2.8.disk'])
})

test('what was queued when the coordinator was killed begins when both nodes are back', async () => {
  const story = started()
  story.clone('a', ['a1'], 'n2')
  story.restart()
  story.admit('m2')
  expect(phaseOf(story, 'm2')).toBe('queued')
  story.hello('n1', ['a@1 running'])
  story.beat('n1', ['a@1 running'])
  story.hello('n2')
  story.pass(50)
  expect(phaseOf(story, 'm2')).toBe('queued')
  story.beat('n2')
  story.pass(50)
  expect(phaseOf(story, 'm2')).toBe('copying')
  await expect(story.text).toMatchFileSnapshot('stories/queued-across-restart.txt')
})

test('what is queued ends when a node does not come back', () => {
  const story = started()
  story.migrate('a', 'n2')
  story.restart()
  story.admit('m2')
  story.hello('n1', ['a@1 running'])
  story.passWith(2000, { n1: ['a@1 running'] })
  expect(stateOf(story)).toBe('migrating n1 @1')
  story.passWith(1500, { n1: ['a@1 running'] })
  expect(phaseOf(story, 'm2')).toBe('failed')
  expect(stateOf(story)).toBe('running n1 @1')
})

test('clones that queue for one parent get no more layers than a disk may have', () => {
  const story = started()
  const most = Array.from({ length: 62 }, (_, n) => `a.${n}.old`)
  story.layersHeld.set('a', most)
  story.beat('n1', ['a@1 running'])
  for (const id of ['a1', 'a2', 'a3']) story.clone('a', [id], 'n2')
  story.admit('m2')
  story.result('n1', 'run1-2')
  story.admit('m4')
  expect(layersOf(story, 'a')).toHaveLength(63)
  expect(story.state.migrations.get(asMigrationId('m4'))?.fault?.code).toBe('wrong-state')
  story.say('what is remembered can be read again')
  story.restart()
  expect(layersOf(story, 'a')).toHaveLength(63)
})

/** A clone of `a` runs on n2, and its pages come from n1. */
function paging(): Story {
  const story = started({ diskMib: 4 })
  story.clone('a', ['a1'], 'n2')
  story.admit('m2')
  story.event('n2', 'a1@2', 'running')
  story.progress('n1', 'm2', 'paging')
  return story
}

test('a clone whose pages come later runs at once, and is left alone until it has them', () => {
  const story = paging()
  expect([stateOf(story, 'a1'), phaseOf(story, 'm2')]).toEqual(['running n2 @2', 'paging'])
  story.migrate('a1', 'n1')
  expect(story.answer).toMatchObject({ fault: { code: 'wrong-state' } })
  story.result('n1', 'run1-2')
  expect(phaseOf(story, 'm2')).toBe('done')
  story.migrate('a1', 'n1')
  expect(story.answer).toHaveProperty('value')
})

test('when the node of its parent is surely gone, it is told that its pages are lost', () => {
  const story = paging()
  story.lose('n1', true)
  story.passWith(500, { n2: ['a1@2 running'] })
  expect(story.sent.find(({ t }) => t === 'pages-lost')).toMatchObject({ migrationId: 'm2' })
  expect(story.state.migrations.get(asMigrationId('m2'))?.fault?.code).toBe('pages-lost')
  story.event('n2', 'a1@2', 'fenced')
  expect(stateOf(story, 'a1')).toMatch(/^(starting|pending|recovering)/)
  story.say('a late word of its first life changes nothing')
  const epoch = story.state.vms.get(asVmId('a1'))?.epoch
  story.progress('n1', 'm2', 'paging')
  story.event('n2', 'a1@2', 'running')
  expect(story.state.vms.get(asVmId('a1'))?.epoch).toBe(epoch)
  expect(phaseOf(story, 'm2')).toBe('failed')
})

test('a parent’s node that is only cut off goes on serving: nothing is given up', () => {
  const story = paging()
  story.lose('n1')
  story.passWith(10_000, { n2: ['a1@2 running'] })
  expect(story.sent.map(({ t }) => t)).not.toContain('pages-lost')
  expect(stateOf(story, 'a1')).toBe('running n2 @2')
})

// Its snapshot `template` would be written over what the template of that name is kept as.
test('no clone gets a name under which a template is kept', () => {
  const story = started()
  story.clone('a', ['a1', 'template-base'])
  expect(story.answer).toMatchObject({ fault: { code: 'name-taken' } })
  expect([...story.state.vms.keys()]).toEqual(['a'])
})

test('its parent begins anew elsewhere, and is lost there too: the clone holds up nothing of that', () => {
  const story = paging()
  story.join('n3')
  story.ask({ do: 'set-policy', vmId: asVmId('a'), change: { relocations: 1 } })
  story.event('n1', 'a@1', 'crashed')
  story.passWith(1000, { n1: [], n2: ['a1@2 running'], n3: [] })
  expect(stateOf(story)).toBe('starting n3 @3')
  story.lose('n3')
  for (let n = 0; n < 10; n++) {
    story.progress('n1', 'm2', 'paging')
    story.passWith(1000, { n1: [], n2: ['a1@2 running'] })
  }
  expect(stateOf(story)).toMatch(/^starting n[12] @4$/)
})

test('a clone that crashed while its pages came begins anew, and is lost there too', () => {
  const story = paging()
  story.join('n3')
  story.ask({ do: 'set-policy', vmId: asVmId('a1'), change: { relocations: 1 } })
  story.event('n2', 'a1@2', 'crashed')
  story.passWith(1000, { n1: ['a@1 running'], n2: [], n3: [] })
  expect(stateOf(story, 'a1')).toBe('starting n3 @3')
  story.lose('n3')
  story.passWith(10_000, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story, 'a1')).toMatch(/^starting n[12] @4$/)
})

test('parent and clone may be stopped while pages come, and start again at once', () => {
  const story = paging()
  story.ask({ do: 'cancel-migration', migrationId: asMigrationId('m2') })
  const stopThem = {
    fault: { message: 'm2 is paging: its clones run; stop those that are not wanted' },
  }
  expect(story.answer).toMatchObject(stopThem)
  for (const [vm, node] of [
    ['a', 'n1'],
    ['a1', 'n2'],
  ] as const) {
    story.ask({ do: 'stop', vmId: asVmId(vm) })
    expect(story.answer).toHaveProperty('value')
    const [id] = [...story.state.commands].find(([, c]) => c.kind === 'stop') ?? []
    story.result(node, id ?? '')
    expect(stateOf(story, vm)).toMatch(/^stopped/)
    story.ask({ do: 'start', vmId: asVmId(vm) })
    expect(stateOf(story, vm)).toMatch(/^starting n/)
  }
  expect(phaseOf(story, 'm2')).toBe('paging')
})

test('a clone that has run and begins anew is not taken away with the pages of its first life', () => {
  const story = paging()
  story.ask({ do: 'set-policy', vmId: asVmId('a1'), change: { restarts: 1 } })
  story.event('n2', 'a1@2', 'crashed')
  story.passWith(1000, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story, 'a1')).toBe('starting n2 @3')
  story.lose('n1', true)
  story.passWith(500, { n2: ['a1@3 starting'] })
  expect(phaseOf(story, 'm2')).toBe('failed')
  expect(stateOf(story, 'a1')).toBe('starting n2 @3')
})

test('whoever has the parent’s name while pages come for its clone is no parent of it', () => {
  const story = paging()
  story.ask({ do: 'stop', vmId: asVmId('a') })
  const [stop] = [...story.state.commands].find(([, { kind }]) => kind === 'stop') ?? []
  story.result('n1', stop ?? '')
  story.ask({ do: 'remove', vmId: asVmId('a') })
  story.run('a', { diskMib: 4 }, 'n1')
  const { epoch } = story.state.vms.get(asVmId('a')) ?? {}
  story.event('n1', `a@${epoch}`, 'running')
  story.layersHeld.set('a', ['a.9.disk'])
  story.beat('n1', [`a@${epoch} running`])
  story.say('its node’s word of its layers counts, and it may be kept and moved')
  expect(layersOf(story, 'a')).toEqual(['a.9.disk'])
  story.layersHeld.delete('a')
  story.ask({ do: 'snapshot', vmId: asVmId('a'), name: 's' })
  expect(story.answer).toHaveProperty('value')
  const [take] = [...story.state.commands].find(([, { kind }]) => kind === 'take-snapshot') ?? []
  story.result('n1', take ?? '', 'disk-failed')
  story.migrate('a', 'n2')
  const { migrationId } = story.state.vms.get(asVmId('a')) ?? {}
  story.ask({ do: 'cancel-migration', migrationId: migrationId ?? asMigrationId('none') })
  expect(story.state.vms.get(asVmId('a'))?.migrationId).toBeUndefined()
  expect(phaseOf(story, 'm2')).toBe('paging')
  story.result('n1', 'run1-2')
  expect(phaseOf(story, 'm2')).toBe('done')
})

test('a clone that has run and begins anew is no longer being made: that has ended well', () => {
  const story = started({ diskMib: 4 })
  story.clone('a', ['a1'], 'n2')
  story.admit('m2')
  story.event('n2', 'a1@2', 'running')
  story.ask({ do: 'set-policy', vmId: asVmId('a1'), change: { restarts: 1 } })
  story.event('n2', 'a1@2', 'crashed')
  story.passWith(1000, { n1: ['a@1 running'], n2: [] })
  expect(stateOf(story, 'a1')).toBe('starting n2 @3')
  story.say('the word of the parent’s node that it has done its part is lost')
  story.passWith(3000, { n1: ['a@1 running'], n2: ['a1@3 starting'] })
  expect(phaseOf(story, 'm2')).toBe('done')
})
