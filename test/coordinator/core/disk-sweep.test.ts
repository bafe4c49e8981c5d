// Layers that nobody names are deleted: but only by a coordinator that knows all names there are.

import { expect, test } from 'vitest'
import { Story } from './story.ts'

const sweepsOf = (story: Story) =>
  story.sent.flatMap((message) => (message.t === 'sweep-layers' ? [message] : []))

/** A coordinator with an empty memory; `a` and `b` run, and what else there was nobody tells it. */
function forgetful(): Story {
  const story = new Story()
  story.speaks = 2
  story.layersHeld.set('a', ['a.9.disk'])
  story.layersHeld.set('b', ['b.3.disk'])
  story.hello('n1', ['a@4 running'])
  story.beat('n1', ['a@4 running'])
  return story
}

test('a coordinator that has lost its memory deletes no disk of a node that is still to come', () => {
  const story = forgetful()
  story.passWith(2000, { n1: ['a@4 running'] })
  expect(sweepsOf(story)).toEqual([])
  story.hello('n2', ['b@5 running'])
  const both = { n1: ['a@4 running'], n2: ['b@5 running'] }
  story.passWith(2000, both)
  expect(story.state.vms.get('b' as never)?.disk.layers).toEqual(['b.3.disk'])
})

test('nor, later, one of a VM that was stopped, or a snapshot, of which it has never heard', () => {
  const story = forgetful()
  story.run('c', {}, 'n1')
  const held = { n1: ['a@4 running', 'c@5 running'] }
  story.passWith(2000, held)
  story.restart()
  story.hello('n1', held.n1)
  story.beat('n1', held.n1)
  story.passWith(700_000, held)
  expect(sweepsOf(story)).toEqual([])
})

test('one that remembers all does it as soon as all is at rest', () => {
  const story = new Story()
  story.speaks = 2
  story.join('n1')
  story.passWith(2000, { n1: [] })
  expect(sweepsOf(story)).toMatchObject([{ keep: [] }])
})
