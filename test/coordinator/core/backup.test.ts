// A backup of the store is put back, and the cluster has gone on since: VMs run that it calls lost,
// waiting or stopped, where it does not know, under epochs that it would give again. No second copy
// is started while one may run, and what runs goes on. To a coordinator that is what a restart is
// after which agents speak of what its store has never heard of.

import { expect, test } from 'vitest'
import { asVmId } from '#proto/ids.ts'
import { moving, Story, started, stateOf } from './story.ts'

const a = asVmId('a')
const starts = ({ sent }: Story) => sent.filter(({ t }) => t === 'start').length

/** Put back, and n2 comes as late as a lease allows: until then nothing may be started. */
function lateWord(story: Story, held: string, comes: readonly string[] = ['n1']): void {
  const before = starts(story)
  story.join(...comes)
  story.passWith(2900, Object.fromEntries(comes.map((node) => [node, []])))
  expect(starts(story)).toBe(before)
  story.hello('n2', [held])
  story.beat('n2', [held])
  story.passWith(5000, { ...Object.fromEntries(comes.map((n) => [n, []])), n2: [held] })
  const [name = '', state] = held.split(' ')
  expect(stateOf(story)).toBe(`${state} n2 @${name.split('@')[1]}`)
  expect(story.sent.filter(({ t }) => t === 'stop')).toEqual([])
  expect(starts(story)).toBe(before)
}

test('a VM that has moved since is not started where nobody holds it any more', () => {
  const story = started()
  story.restart()
  lateWord(story, 'a@2 running')
})

test('a VM that was to be recovered, and has been, is not recovered once more', () => {
  const story = started()
  story.lose('n1')
  story.lose('n2')
  story.pass(3500)
  expect(stateOf(story)).toBe('recovering undefined @1')
  story.restart()
  lateWord(story, 'a@2 running')
})

test('a VM that waited for its first start, and has it, does not get another', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.lose('n1')
  story.lose('n2')
  story.run('a')
  expect(stateOf(story)).toBe('pending undefined @0')
  story.restart()
  lateWord(story, 'a@1 paused')
})

test('a VM that was starting, and has moved since, is not started again', () => {
  const story = new Story()
  story.join('n1', 'n2')
  story.run('a')
  story.restart()
  lateWord(story, 'a@2 running')
})

test('a VM that was moving, and runs elsewhere by now, is not started from its disk', () => {
  const story = moving()
  story.restart()
  const before = starts(story)
  story.join('n1', 'n2')
  story.say('it runs where the backup knows of no node')
  story.passWith(2000, { n1: [], n2: [] })
  story.hello('n3', ['a@9 running'])
  story.passWith(9000, { n1: [], n2: [], n3: ['a@9 running'] })
  expect(stateOf(story)).toBe('running n3 @9')
  expect(starts(story)).toBe(before)
  expect([...story.state.openMigrations]).toEqual([])
})

test('a VM that was moving when both ends were lost waits for every lease, too', () => {
  const story = moving()
  story.event('n1', 'a@1', 'released')
  story.lose('n1')
  story.passWith(3300, { n2: ['a@2 prepared m2'] })
  story.lose('n2')
  story.restart()
  story.hello('n2', [], 'n2-second')
  story.beat('n2')
  story.passWith(2800, { n2: [] })
  expect(starts(story)).toBe(1)
})

test('a VM that was stopped then, and runs now, goes on', () => {
  const story = started()
  story.ask({ do: 'stop', vmId: a })
  story.result('n1', 'run1-2')
  const before = story.sent.length
  story.restart()
  story.join('n1')
  story.say('somebody does not see it, and starts it at once: it may run still')
  story.ask({ do: 'start', vmId: a })
  expect(stateOf(story)).toBe('pending undefined @1')
  story.passWith(1000, { n1: [] })
  story.hello('n2', ['a@2 running'])
  story.passWith(4000, { n1: [], n2: ['a@2 running'] })
  expect(stateOf(story)).toBe('running n2 @2')
  expect(story.sent.slice(before).filter(({ t }) => t === 'stop' || t === 'start')).toEqual([])
})

test('what nobody runs is started when every lease is over, under an epoch of nobody', () => {
  const story = started()
  story.restart()
  story.join('n1')
  story.hello('n2', ['b@8 running'])
  story.beat('n2', ['b@8 running'])
  story.passWith(3500, { n1: [], n2: ['b@8 running'] })
  expect(stateOf(story)).toMatch(/^starting n\d @9$/)
})

test('no disk is swept by a memory that has not given the epochs that run', () => {
  const story = new Story()
  story.speaks = 2
  story.join('n1')
  story.run('a', { diskMib: 4 }, 'n1')
  story.result('n1', 'run1-1')
  story.restart()
  story.hello('n1', ['a@5 running'])
  story.beat('n1', ['a@5 running'])
  story.passWith(700_000, { n1: ['a@5 running'] })
  expect(story.sent.filter(({ t }) => t === 'sweep-layers')).toEqual([])
})
