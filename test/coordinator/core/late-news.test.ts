// Words that come late, from another time or from a process that is no more: none may stop the
// coordinator, revive what was removed, or make it believe that a copy is gone which still runs.

import { expect, test } from 'vitest'
import { asVmId } from '#proto/ids.ts'
import { type Story, started, stateOf } from './story.ts'

const a = asVmId('a')

/** `a` without ha, and its node cut off for longer than a lease. */
function unprotectedAndLost(): Story {
  const story = started({ ha: false })
  story.lose('n1')
  story.passWith(3500, { n2: [] })
  expect(stateOf(story)).toBe('failed n1 @1')
  return story
}

test('an unprotected VM crashed while its node was cut off: its fault says so, and it may start', () => {
  const story = unprotectedAndLost()
  story.hello('n1', [])
  story.event('n1', 'a@1', 'crashed')
  expect(stateOf(story)).toBe('failed undefined @1')
  expect(story.state.vms.get(a)?.fault?.code).toBe('guest-crashed')
  story.beat('n1')
  story.ask({ do: 'start', vmId: a })
  expect(stateOf(story)).toMatch(/^starting n\d @2$/)
})
