// Persons in a run: real accounts, real sessions, real refusals, in the simulated world. And worlds
// in which nobody has an account.

import { describe, expect, test } from 'vitest'
import { runScenario } from '#scenarios/run.ts'
import { nodePlatform } from '#scenarios/sim/node-platform.ts'
import { ScenarioSimWorld } from '#scenarios/sim/scenario-world.ts'
import { FakeWorld } from '../fake-world.ts'
import { ended, MemoryFolder, play } from '../memory-folder.ts'

const cluster = `
cluster: { nodes: [{ id: a, mips: 20, memory: 32MiB }] }
vms:
  - { id: desk, memory: 8MiB, args: workload=cpu load=1 }
  - { id: shed, memory: 8MiB, args: workload=cpu load=1, start: later }
  - { id: hall, memory: 8MiB, args: workload=cpu load=1, start: later }
persons: [{ id: anna, vms: [desk, shed], quota: { vms: 1 } }, { id: ben }]
`

async function simulated(text: string) {
  const world = new ScenarioSimWorld(await nodePlatform())
  const folder = new MemoryFolder('story', cluster + text)
  const result = await world.drive(runScenario(folder, { world, clock: world.clock, update: true }))
  return ended({ result, progress: [], folder })
}

describe('a person', () => {
  test('keeps a VM, and a session, through a new coordinator; who is given it takes over', async () => {
    const { why } = await simulated(`
timeline:
  - { do: wait, for: 500ms, label: begun }
  - { do: kill-coordinator }
  - { do: restart-coordinator, label: anew }
  - { do: wait, for: 1s }
  - { do: give, vm: desk, person: ben, label: given }
  - { do: wait, for: 1s }
expectations:
  - { expect: reaches, person: anna, vm: desk, by: console, within: 400ms }
  - { expect: reaches, person: anna, vm: desk, by: console, after: anew, within: 900ms }
  - { expect: reaches, person: ben, vm: desk, by: console, after: given, within: 1s }
  - { expect: kept-out, person: anna, vm: desk, by: [console, api], code: unknown-vm, after: given }
`)
    expect(why).toEqual([])
  })

  test('lets visitors come by links to one VM and no other, until these end', async () => {
    const { why, transcript } = await simulated(`
timeline:
  - { do: share, vm: desk, as: ben, visitor: eve, refused: unknown-vm }
  - { do: share, vm: desk, as: anna, visitor: vic, label: shared }
  - { do: share, vm: desk, as: anna, visitor: val, for: 2s, read-only: true }
  - { do: run, vm: hall }
  - { do: wait, for: 1500ms }
  - { do: unshare, visitor: vic, label: revoked }
  - { do: wait, for: 1s, label: over }
  - { do: wait, for: 1s }
expectations:
  - { expect: reaches, person: vic, vm: desk, by: console, after: shared, within: 900ms }
  - { expect: reaches, person: val, vm: desk, by: console, after: shared, within: 1900ms }
  - { expect: kept-out, person: vic, vm: hall, by: [console, api] }
  - { expect: kept-out, person: vic, vm: desk, by: [console, api], code: bad-token, after: revoked }
  - { expect: kept-out, person: val, vm: desk, by: [console], code: bad-token, after: over }
  - { expect: kept-out, person: val, vm: desk, by: [api], after: shared }
`)
    expect(why).toEqual([expect.stringMatching(/of desk \(got in by way of api\)$/)])
    expect(transcript).toContain('2. anna: let vic come to desk by a link: done')
    expect(transcript).toContain('3. anna: let val come to desk by a link for 2 s, to look: done')
  })

  test('does what they may, and is refused by the very code that a step names', async () => {
    const { why, transcript } = await simulated(`
timeline:
  - { do: pause, vm: desk, as: anna }
  - { do: resume, vm: desk, as: anna }
  - { do: run, vm: shed, as: anna, refused: over-quota }
  - { do: stop, vm: desk, as: ben, refused: not-allowed }
`)
    expect(transcript).toContain('1. anna: pause desk: done')
    expect(transcript).toContain('3. anna: start shed; the answer is over-quota: done')
    const told = /^step failed: ben: stop desk; the answer is not-allowed: there is no VM desk/
    expect(why).toEqual([expect.stringMatching(told)])
  })

  test('who is to be refused, and is not, has failed', async () => {
    const { why } = await simulated('timeline: [{ do: pause, vm: desk, refused: unknown-vm }]')
    expect(why).toEqual([expect.stringContaining('It succeeded, but should have been told')])
  })

  test('who gets to a VM of theirs is not kept out, and that is told', async () => {
    const { why } = await simulated(`
timeline: [{ do: wait, for: 500ms }]
expectations:
  - { expect: kept-out, person: anna, vm: desk, by: [console] }
  - { expect: kept-out, person: ben, vm: shed }
  - { expect: reaches, person: ben, vm: desk, by: api, within: 400ms }
`)
    expect(why).toEqual([
      'broken: never: anna reaches the console of desk (got in by way of console)',
      'broken: never: ben reaches the screen, the console or the state of shed ' +
        '(never tried while it was there: screen, console, api)',
      'broken: ben reaches the state of desk within 400 ms (refused: unknown-vm)',
    ])
  })
})

test('a world without accounts says which ones have them, before anything is started', async () => {
  const world = new FakeWorld()
  const { report } = ended(await play(world, cluster))
  expect(report.fault?.message).toMatch(/nobody has an account.*--world local, compose or sim/)
  expect(world.processes().map(({ state }) => state)).toEqual(['exited'])
})
