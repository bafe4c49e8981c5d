// A node goes into maintenance: its VMs leave one after the other, nothing comes, and who cannot
// leave is told of.

import { expect, test } from 'vitest'
import { evacuationView } from '#coordinator/core/evacuation.ts'
import { asNodeId } from '#proto/ids.ts'
import { MigrationParams } from '#proto/messages.ts'
import { Story } from './story.ts'

const params = MigrationParams.parse({})

/** `count` VMs run on n1; n2 and n3 are empty. */
function begun(count: number, spec = {}): Story {
  const story = new Story()
  story.join('n1', 'n2', 'n3')
  for (let n = 0; n < count; n++) story.run(`v${n}`, spec, undefined)
  return story
}

const node = (story: Story, id = 'n1') => {
  const found = story.state.nodes.get(asNodeId(id))
  if (!found) throw new Error(id)
  return found
}
const view = (story: Story) => evacuationView(story.state, node(story), 0)
const vmsOn = (story: Story, id: string) => [...node(story, id).live.vmIds].sort()
const drain = (story: Story) =>
  story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params }, 'evacuate n1')
const open = (story: Story) => [...story.state.openMigrations]

/** Every command that is under way is done, and reported so. */
function finishStarts(story: Story): void {
  for (const [id, { kind, nodeId }] of [...story.state.commands])
    if (kind === 'start') story.result(nodeId, id)
}

function started(count: number, spec = {}): Story {
  const story = begun(count, spec)
  finishStarts(story)
  return story
}

function finishMigration(story: Story): void {
  const [id] = open(story)
  if (!id) throw new Error('nothing is under way')
  story.admit(id)
  const { commandId, from } = story.state.migrations.get(id) ?? {}
  story.result(from ?? '', commandId ?? '')
}

test('all leave, and then it can be switched off', () => {
  const story = started(6)
  const here = vmsOn(story, 'n1').length
  expect(here).toBeGreaterThan(0)
  drain(story)
  story.pass(50)
  expect(view(story)).toMatchObject({ total: here, left: here, stuck: [] })
  for (let n = 0; n < here; n++) {
    finishMigration(story)
    story.pass(50)
  }
  expect(vmsOn(story, 'n1')).toEqual([])
  expect(view(story)).toMatchObject({ left: 0, moving: 0 })
  expect(story.text).toContain('n1 is empty')
})

const told = (story: Story, id: string) => story.text.includes(`* ${id} is empty`)

test('what was on its way there before comes first, and leaves again: until then it is not empty', () => {
  const story = started(1)
  story.migrate('v0', 'n2')
  const [id = ''] = open(story)
  story.admit(id)
  story.ask({ do: 'maintenance', nodeId: asNodeId('n2'), params }, 'evacuate n2')
  story.pass(50)
  expect(told(story, 'n2')).toBe(false)
  expect(evacuationView(story.state, node(story, 'n2'), 0)).toMatchObject({ left: 0, moving: 1 })
  story.event('n2', 'v0@2', 'running')
  finishMigration(story)
  story.pass(50)
  expect(told(story, 'n2')).toBe(false)
  finishMigration(story)
  story.pass(50)
  expect(vmsOn(story, 'n2')).toEqual([])
  expect(told(story, 'n2')).toBe(true)
})

test('what only waits to go there stays where it is', () => {
  const story = started(1)
  story.migrate('v0', 'n2')
  const [id = ''] = open(story)
  story.ask({ do: 'maintenance', nodeId: asNodeId('n2'), params }, 'evacuate n2')
  story.admit(id)
  expect(open(story)).toEqual([])
  expect(vmsOn(story, 'n1')).toEqual(['v0'])
  expect(story.text).toContain('from n1 to n2 has ended: n2 is in maintenance')
})

test('while pages of what has left are still there, it is not empty', () => {
  const story = started(1)
  const postCopy = MigrationParams.parse({ mode: 'post-copy' })
  story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params: postCopy }, 'evacuate n1')
  story.pass(50)
  const [id = ''] = open(story)
  story.admit(id)
  story.progress('n1', id, 'paging')
  story.passWith(250, { n1: [`v0@1 serving ${id}`], n2: ['v0@2 running'] })
  expect(vmsOn(story, 'n1')).toEqual([])
  expect([told(story, 'n1'), view(story)]).toMatchObject([false, { left: 0, moving: 1 }])
  finishMigration(story)
  story.pass(50)
  expect([told(story, 'n1'), view(story)]).toMatchObject([true, { left: 0, moving: 0 }])
})

test('nothing is placed there, nor moved there, until it returns', () => {
  const story = started(0)
  drain(story)
  story.run('new')
  expect(vmsOn(story, 'n1')).toEqual([])
  finishStarts(story)
  story.migrate('new', 'n1')
  expect(story.answer).toMatchObject({ fault: { code: 'no-node' } })
  story.ask({ do: 'end-maintenance', nodeId: asNodeId('n1') }, 'n1 returns')
  story.migrate('new', 'n1')
  expect(story.answer).toHaveProperty('value')
})

test('who cannot leave is told of, and does not keep the others', () => {
  const story = new Story()
  story.join('n1')
  story.run('bound', {}, 'n1')
  story.run('free', {})
  finishStarts(story)
  story.join('n2')
  drain(story)
  story.pass(50)
  expect(view(story)?.stuck).toMatchObject([{ vmId: 'bound' }])
  finishMigration(story)
  expect(vmsOn(story, 'n1')).toEqual(['bound'])
})

test('one that is still starting is not stuck: it leaves as soon as it runs', () => {
  const story = begun(1)
  drain(story)
  story.pass(50)
  expect(view(story)).toMatchObject({ left: 1, moving: 0, stuck: [] })
  finishStarts(story)
  story.pass(50)
  expect(view(story)).toMatchObject({ left: 1, moving: 1, stuck: [] })
})

test('without room elsewhere they wait, and go when there is', () => {
  const story = new Story()
  story.join('n1')
  story.run('big', { memoryMib: 90 })
  finishStarts(story)
  drain(story)
  story.pass(100)
  expect(view(story)?.stuck[0]?.why).toContain('no other node')
  story.join('n2')
  story.pass(100)
  expect(view(story)).toMatchObject({ moving: 1, stuck: [] })
})

/** v0 is to leave n1, and never arrives. @returns where it was to go, in half a minute more */
function failing(story: Story): () => string[] {
  story.ask({ do: 'maintenance', nodeId: asNodeId('n1'), params }, 'evacuate')
  return () => {
    const tried: string[] = []
    for (let n = 0; n < 60; n++) {
      story.passWith(500, { n1: ['v0@1 running'], n2: [], n3: [] })
      for (const id of open(story)) {
        story.admit(id)
        const { commandId, to = '' } = story.state.migrations.get(id) ?? {}
        story.result('n1', commandId ?? '', 'no-room')
        tried.push(to)
      }
    }
    return tried
  }
}

test('a VM whose migration fails is tried again, elsewhere first, and then seldom', () => {
  const story = started(1)
  const halfMinute = failing(story)
  expect(halfMinute()).toEqual(['n2', 'n3', 'n2'])
  expect(view(story)?.stuck).toMatchObject([{ vmId: 'v0', why: 'n1 says no-room' }])
  expect(halfMinute()).toEqual([])
  expect(halfMinute()).toHaveLength(1)
  expect(view(story)?.stuck).toHaveLength(1)
})

test('a restarted coordinator goes on with it', () => {
  const story = started(6)
  drain(story)
  story.restart()
  expect(node(story).maintenance).toMatchObject({ total: 2 })
})
