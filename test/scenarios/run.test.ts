// Whole scenarios in a small world of memory: what passes, what must not pass, and what is left
// afterwards.

import { describe, expect, test } from 'vitest'
import { isPassed } from '#scenarios/report/report.ts'
import { FakeWorld } from './fake-world.ts'
import { ended, MemoryFolder, play } from './memory-folder.ts'

const threeNodes = `
cluster:
  nodes: [{ id: a }, { id: b }, { id: c }]
`
const store = `
vms:
  - { id: store, args: workload=kv, disk: 4MiB, node: a }
clients:
  - { id: shop, vm: store }
`
const failover = `${threeNodes}${store}
timeline:
  - { do: migrate, vm: store, to: b, label: moved }
  - { do: wait, for: 1s }
  - { do: kill-node, node: b, label: killed }
expectations:
  - { expect: vm-on, vm: store, node: b, within: 1s, after: moved }
  - { expect: recovered, vm: store, within: 10s, after: killed }
  - { expect: guest-answers, vm: store, within: 10s, after: killed }
  - { expect: migrations, vm: store, min: 1, max: 1 }
  - { expect: no-lost-writes, client: shop }
`

describe('a failover', () => {
  test('is followed from the kill to the last write', async () => {
    const world = new FakeWorld()
    const { report, passed, why } = ended(await play(world, failover))
    expect(why).toEqual([])
    expect(passed).toBe(true)
    expect(report.migrations).toMatchObject([{ vmId: 'store', from: 'a', to: 'b', rounds: 2 }])
    expect(report.failovers).toMatchObject([{ nodeId: 'b', restarted: [{ vmId: 'store' }] }])
    const [{ detectedMs = 0, fencedMs = 0, restarted } = { restarted: [] }] = report.failovers
    expect(detectedMs).toBeGreaterThan(500)
    expect(fencedMs).toBeGreaterThan(2500 + 500)
    expect(restarted[0]?.ms).toBeGreaterThan(fencedMs)
    expect(report.writesAcknowledged).toBeGreaterThan(20)
    expect(report.writesLost).toBe(0)
    expect(report.clients[0]?.waitMsMax).toBeGreaterThan(3000)
    expect(world.stopped).toBe(true)
  })

  test('has the same story in every run', async () => {
    const first = ended(await play(new FakeWorld(), failover))
    const second = ended(await play(new FakeWorld(), failover))
    expect(second.transcript).toBe(first.transcript)
    expect(first.transcript).toMatchInlineSnapshot(`
      "story: A story.
      nodes: a, b, c
      VMs: store

      steps:
        1. migrate store to b: done
        2. wait 1 s: done
        3. kill node b (SIGKILL): done

      expected:
        store runs on b within 1 s of "moved": held
        store is restarted and runs again within 10 s of "killed": held
        the guest in store answers within 10 s of "killed": held
        exactly 1 migration of store succeeded: held
        no acknowledged write of shop is lost: held
        no VM ran twice at any instant: held
        the epochs of every VM only grew: held
        no process ended that nobody had ended: held

      at the end:
        store: running, brought back once
      "
    `)
  })

  test('tells while it runs what happens', async () => {
    const { progress } = await play(new FakeWorld(), failover)
    expect(progress[0]).toEqual({
      atMs: 0,
      kind: 'cluster',
      text: 'starting a coordinator and 3 nodes',
      isBad: false,
    })
    const texts = progress.map((line) => line.text)
    expect(texts).toContain('kill node b (SIGKILL)')
    expect(texts).toContain('node b is fenced')
    expect(texts).toContainEqual(expect.stringMatching(/^migrate store to b: done in \d+ ms$/))
    expect(texts).toContainEqual(expect.stringMatching(/no acknowledged write .*: held/))
  })
})

describe('what must not pass', () => {
  test('a store that loses acknowledged writes', async () => {
    const played = await play(new FakeWorld({ losesWrites: true }), failover)
    const { passed, why, report } = ended(played)
    expect(passed).toBe(false)
    expect(why.join()).toMatch(/no acknowledged write of shop is lost \(\d+ keys lost, first /)
    expect(report.writesLost).toBeGreaterThan(0)
    expect(played.folder.files.has('expected.log')).toBe(false)
  })

  const cut = `${threeNodes}
vms: [{ id: store, args: workload=kv, node: a }]
timeline:
  - { do: cut-node, node: a, peers: false, label: cut }
expectations:
  - { expect: self-fenced, vm: store, node: a }
  - { expect: recovered, vm: store, within: 10s, after: cut }
`
  test('a VM that runs on both sides of a cut', async () => {
    const { passed, why } = ended(await play(new FakeWorld({ neverFencesItself: true }), cut))
    expect(passed).toBe(false)
    expect(why.join('\n')).toMatch(/broken: no VM ran twice at any instant \(store ran on a and/)
    expect(why.join('\n')).toMatch(/broken: node a lives and stops store by itself/)
  })
  test('and the same cut with a lease that is kept passes', async () => {
    const { why } = ended(await play(new FakeWorld(), cut))
    expect(why).toEqual([])
  })

  test('clones that say they are their parent', async () => {
    const clones = `${threeNodes}${store}
timeline: [{ do: clone, vm: store, count: 3, to: b }]
expectations: [{ expect: identities-differ, vm: store }]
`
    const good = ended(await play(new FakeWorld(), clones))
    expect(good.why).toEqual([])
    expect(good.transcript).toContain('store: running; 3 of its 3 clones running')
    const bad = ended(await play(new FakeWorld({ clonesShareIdentity: true }), clones))
    expect(bad.why.join()).toMatch(/4 VMs gave 1 identities/)
  })

  test('a process that nobody ended', async () => {
    const world = new FakeWorld({ dies: { node: 'c', atMs: 1000 } })
    const { why } = ended(await play(world, `${threeNodes}timeline: [{ do: wait, for: 2s }]`))
    expect(why).toEqual(['broken: no process ended that nobody had ended (c ended: SIGKILL)'])
  })

  test('an expectation whose time runs out', async () => {
    const never = `${threeNodes}${store}
expectations: [{ expect: vm-on, vm: store, node: c, within: 2s }]
`
    const played = await play(new FakeWorld(), never)
    const { progress } = played
    const { why, report } = ended(played)
    expect(why).toEqual(['broken: store runs on c within 2 s (it is running on a)'])
    expect(report.totalMs).toBeLessThan(4000)
    expect(progress.filter((line) => line.isBad).map((line) => line.kind)).toEqual(['verdict'])
  })

  test('an expectation that could not be judged', async () => {
    const failing = `${threeNodes}${store}
timeline:
  - { do: migrate, vm: store, to: a, outcome: failed }
  - { do: wait, for: 1s, label: later }
expectations: [{ expect: vm-phase, vm: store, phase: running, after: later }]
`
    const { why, report } = ended(await play(new FakeWorld(), failing))
    expect(report.steps.map((step) => step.outcome)).toEqual(['failed', 'not-reached'])
    expect(why[0]).toMatch(
      /step failed: migrate store to a; it has to fail: It succeeded, but should have failed/,
    )
    expect(why[1]).toMatch(/^not-judged: store is running within 30 s of "later"/)
  })

  test('what the world could not clean up', async () => {
    const world = new FakeWorld()
    world.leftovers = ['agent b']
    const { passed, why, report } = ended(await play(world, threeNodes))
    expect(passed).toBe(false)
    expect(why).toEqual(['left behind: agent b'])
    expect(isPassed(report)).toBe(false)
    expect(report.expectations.at(-1)?.detail).toBe('agent b')
  })
})

describe('the timeline', () => {
  test('begins steps in order, each by its trigger', async () => {
    const scenario = `${threeNodes}${store}
timeline:
  - { do: migrate, vm: store, to: b, label: moved }
  - { when: { vm: store, phase: migrating }, do: kill-node, node: c }
  - { after: moved, do: pause, vm: store }
  - { at: 3s, do: resume, vm: store }
  - { do: stop, vm: store }
`
    const { report, why } = ended(await play(new FakeWorld(), scenario))
    expect(why).toEqual([])
    const [move, kill, pause, resume, stop] = report.steps
    expect(kill?.atMs).toBeLessThan((move?.atMs ?? 0) + (move?.tookMs ?? 0))
    expect(pause?.atMs).toBeGreaterThanOrEqual((move?.atMs ?? 0) + (move?.tookMs ?? 0))
    expect(resume?.atMs).toBeCloseTo((report.readyMs ?? 0) + 3000, -2)
    expect(stop?.outcome).toBe('done')
  })

  test('waits for the turn of no step after one has failed', async () => {
    const scenario = `${threeNodes}${store}
timeline:
  - { do: migrate, vm: store, to: b }
  - { when: { vm: store, phase: migrating }, do: kill-node, node: b }
  - { at: 24h, do: pause, vm: store }
`
    const { report } = ended(await play(new FakeWorld(), scenario))
    expect(report.steps.map(({ outcome }) => outcome)).toEqual(['failed', 'done', 'not-reached'])
    expect(report.totalMs).toBeLessThan(30_000)
    const unseen = scenario.replace('at: 24h', 'when: { vm: store, phase: failed }')
    const second = ended(await play(new FakeWorld(), unseen))
    expect(second.report.totalMs).toBeLessThan(30_000)
  })

  test('brings the coordinator back, and nobody loses a write by it', async () => {
    const scenario = `${threeNodes}${store}
timeline:
  - { do: wait, for: 1s }
  - { do: kill-coordinator }
  - { do: wait, for: 1s }
  - { do: restart-coordinator }
  - { do: wait, for: 1s }
  - { do: migrate, vm: store, to: c }
expectations:
  - { expect: no-lost-writes, client: shop }
  - { expect: vm-phase, vm: store, phase: recovering, hold: never }
  - { expect: not-restarted, vm: store }
`
    const { why, report, recording } = ended(await play(new FakeWorld(), scenario))
    expect(why).toEqual([])
    expect(report.clients[0]?.waitMsMax).toBeGreaterThan(900)
    // Nobody saw anything meanwhile: no picture may say that all was as before.
    const { nodes, vms } = recording.tracks
    const [, , , again] = report.steps
    for (const { spans } of [...nodes, ...vms]) {
      const at = spans.findIndex(({ state }) => state === 'unseen')
      expect(spans[at]?.fromMs).toBeLessThan(again?.atMs ?? 0)
      expect(spans[at + 1]?.fromMs).toBeGreaterThan(again?.atMs ?? 0)
    }
  })

  test('lets a migration fail that should', async () => {
    const scenario = `${threeNodes}${store}
timeline:
  - { do: migrate, vm: store, to: b, outcome: failed }
  - { when: { vm: store, phase: migrating }, do: kill-node, node: b }
expectations:
  - { expect: vm-on, vm: store, node: a, within: 5s }
  - { expect: migrations, outcome: failed, min: 1, max: 1 }
  - { expect: console-contains, vm: store, text: workload=kv, within: 5s }
  - { expect: console-never, vm: store, text: BAD }
`
    const { why } = ended(await play(new FakeWorld(), scenario))
    expect(why).toEqual([])
  })
})

describe('expected.log', () => {
  const quiet = `${threeNodes}timeline: [{ do: wait, for: 1s }]`

  test('that is missing fails, and says what to do', async () => {
    const { passed, why } = ended(await play(new FakeWorld(), quiet, { update: false }))
    expect(passed).toBe(false)
    expect(why).toEqual(['story/expected.log is missing: look at the run, then use --update'])
  })
  test('is written once, and then compared line by line', async () => {
    const { folder } = await play(new FakeWorld(), quiet)
    const again = ended(await play(new FakeWorld(), '', { update: false }, folder))
    expect(again.expectedLog).toBe('matches')
    const log = folder.files.get('expected.log') ?? ''
    folder.files.set('expected.log', log.replace('wait 1 s: done', 'wait 9 s: done'))
    const differs = ended(await play(new FakeWorld(), '', { update: false }, folder))
    expect(differs.passed).toBe(false)
    // Whoever reads the page, the data or JUnit XML alone must not take it for one that passed.
    expect(isPassed(differs.report)).toBe(false)
    expect(differs.report.expectations.at(-1)).toEqual({
      ...{ sentence: 'all goes as expected.log says', from: 'every-run', verdict: 'broken' },
      detail: 'the run is not as story/expected.log says: - 1. wait 9 s: done; + 1. wait 1 s: done',
    })
    expect(differs.why).toEqual([
      'the run is not as story/expected.log says:',
      '-   1. wait 9 s: done',
      '+   1. wait 1 s: done',
    ])
  })
})

describe('an interruption', () => {
  test('ends the run wherever it is, and stops the world', async () => {
    const world = new FakeWorld()
    const controller = new AbortController()
    world.clock.wakeAt(700, () => controller.abort())
    const { result } = await play(world, failover, { signal: controller.signal })
    expect(result).toEqual({ kind: 'interrupted', leftovers: [] })
    expect(world.stopped).toBe(true)
    expect(world.clock.nowMs()).toBeLessThan(1000)
  })
})

describe('a folder', () => {
  test('with mistakes starts nothing', async () => {
    const world = new FakeWorld()
    const { result } = await play(world, 'cluster: { nodes: [{ id: a, memroy: 1GiB }] }')
    expect(result).toMatchObject({ kind: 'mistakes', mistakes: [{ line: 3, column: 29 }] })
  })
  test('without README.md is no scenario', async () => {
    const folder = new MemoryFolder('story', threeNodes)
    folder.files.delete('README.md')
    const { result } = await play(new FakeWorld(), '', {}, folder)
    expect(result).toMatchObject({ mistakes: [{ message: expect.stringMatching(/no README.md/) }] })
  })
})
