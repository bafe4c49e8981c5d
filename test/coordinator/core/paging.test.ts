// Post-copy as the coordinator sees it: the VM runs at the destination and lives on pages of its
// source, which nothing may take from it, whoever is cut off from whom.

import { expect, test } from 'vitest'
import { type Story, started, stateOf as state } from './story.ts'

function begun(): Story {
  const story = started()
  story.migrate('a', 'n2', { mode: 'post-copy' })
  story.admit('m2')
  return story
}

/** `a` has just switched over from n1 to n2, and n1 serves its last pages. */
function paging(): Story {
  const story = begun()
  story.event('n2', 'a@2', 'running')
  story.progress('n1', 'm2', 'paging')
  return story
}

const phase = (story: Story) => story.state.migrations.get('m2' as never)?.phase
const wasDropped = (story: Story) => story.lines.some((line) => /> n1 .*discard/.test(line))

test('it takes as long as it takes, and ends with the word of the source', () => {
  const story = paging()
  expect(state(story)).toBe('running n2 @2')
  story.passWith(60_000, { n1: ['a@1 serving m2'], n2: ['a@2 running'] })
  expect(phase(story)).toBe('paging')
  story.result('n1', 'run1-2')
  expect(phase(story)).toBe('done')
})

test('the source says so before the destination does', () => {
  const story = begun()
  story.beat('n1', ['a@1 serving m2'])
  expect(state(story)).toBe('running n2 @2')
  expect(phase(story)).toBe('paging')
})

test('a complete copy that runs by our verdict needs no source: the migration ends', () => {
  const story = begun()
  story.progress('n1', 'm2', 'resolving')
  story.passWith(3000, { n1: ['a@1 released m2'], n2: ['a@2 prepared m2'] })
  const asked = [...story.state.commands].find(([, { kind }]) => kind === 'resolve')
  expect(asked?.[1].nodeId).toBe('n2')
  story.result('n2', asked?.[0] ?? '')
  expect(state(story)).toMatch(/^running n2/)
  const { epoch } = story.state.vms.get('a' as never) ?? {}
  story.passWith(5000, { n1: ['a@1 released m2'], n2: [`a@${epoch} running`] })
  expect(phase(story)).toBe('done')
  expect(wasDropped(story)).toBe(true)
})

test('one that got all before the link broke needs no source, whatever mode was wished', () => {
  const story = begun()
  story.event('n2', 'a@2', 'running')
  story.progress('n1', 'm2', 'resolving')
  story.passWith(5000, { n1: ['a@1 released m2 owes'], n2: ['a@2 running'] })
  expect(phase(story)).toMatch(/switching|paging/)
  expect(wasDropped(story)).toBe(false)
  story.passWith(5000, { n1: ['a@1 released m2'], n2: ['a@2 running'] })
  expect(phase(story)).toBe('done')
  expect(wasDropped(story)).toBe(true)
})

test('a source whose process is gone: the destination is told at once what it will never get', () => {
  const story = paging()
  story.lose('n1')
  story.hello('n1', [], 'n1-second')
  story.beat('n1')
  expect(phase(story)).toBe('failed')
  expect(story.lines.filter((line) => /> n2 .*pages-lost/.test(line))).toHaveLength(1)
})

test('a source that is cut off and fenced keeps its pages', () => {
  const story = paging()
  story.lose('n1')
  story.passWith(10_000, { n2: ['a@2 running'] })
  expect(phase(story)).toBe('paging')
  story.hello('n1', ['a@1 serving m2'])
  story.passWith(3000, { n1: ['a@1 serving m2'], n2: ['a@2 running'] })
  expect(wasDropped(story)).toBe(false)
  story.result('n1', 'run1-2')
  expect(phase(story)).toBe('done')
})

test('a coordinator that comes back finds it as it is', () => {
  const story = paging()
  story.restart()
  story.hello('n2', ['a@2 running'])
  story.passWith(5000, { n2: ['a@2 running'] })
  story.hello('n1', ['a@1 serving m2'])
  story.passWith(3000, { n1: ['a@1 serving m2'], n2: ['a@2 running'] })
  expect(phase(story)).toBe('paging')
  expect(wasDropped(story)).toBe(false)
})

test('it moves back before all its pages have come: where it was expected, nobody expects it', () => {
  const story = paging()
  story.migrate('a', 'n1')
  story.admit('m3')
  story.event('n1', 'a@3', 'running')
  story.result('n2', 'run1-3')
  expect(state(story)).toBe('running n1 @3')
  expect(story.state.vms.get('a' as never)?.migrationId).toBeUndefined()
  expect(story.state.nodes.get('n2' as never)?.live.incoming.size).toBe(1)
})

test('a source that has ended it, and whose account was lost: it is done', () => {
  const story = paging()
  story.lose('n1')
  story.hello('n1', [])
  story.passWith(3000, { n1: [], n2: ['a@2 running'] })
  expect(phase(story)).toBe('done')
})

test('the destination is lost: the VM starts again, and the pages are for nobody', () => {
  const story = paging()
  story.lose('n2')
  story.passWith(4000, { n1: ['a@1 serving m2'] })
  expect(phase(story)).toBe('failed')
  expect(state(story)).toBe('starting n1 @3')
})

test('the source is another process: what it had is lost', () => {
  const story = paging()
  story.hello('n1', [], 'n1-second')
  story.passWith(1000, { n1: [], n2: ['a@2 running'] })
  expect(phase(story)).toBe('failed')
  story.say('the destination knows it too, in its own time')
  story.event('n2', 'a@2', 'fenced')
  expect(state(story)).toMatch(/^(recovering|starting)/)
})

test('another process has that name, and boots the VM: the pages are for nobody', () => {
  const story = paging()
  story.hello('n2', [], 'n2-second')
  story.lose('n1')
  story.passWith(5000, { n2: [] })
  expect(state(story)).toBe('starting n2 @3')
  story.passWith(1000, { n2: ['a@3 running'] })
  expect(state(story)).toBe('running n2 @3')
  expect(phase(story)).toBe('failed')
})

test('it cannot be cancelled any more', () => {
  const story = paging()
  story.ask({ do: 'cancel-migration', migrationId: 'm2' as never }, 'cancel m2')
  expect(story.answer).toMatchObject({ fault: { code: 'wrong-state' } })
})
