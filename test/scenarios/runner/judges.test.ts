// What judges must not say: that something held of which nobody could see whether it did, or that
// was so before its time had begun. Whole runs in a world of memory.

import { describe, expect, test } from 'vitest'
import { FakeWorld } from '../fake-world.ts'
import { ended, play } from '../memory-folder.ts'

const cluster = `
cluster:
  nodes: [{ id: a }, { id: b }, { id: c }]
vms: [{ id: store, args: workload=kv, node: a }]
`
const verdicts = async (rest: string) => {
  const { report } = ended(await play(new FakeWorld(), `${cluster}${rest}`))
  return report.expectations
    .filter(({ from }) => from === 'scenario')
    .map(({ sentence, verdict, detail }) => `${verdict}: ${sentence} (${detail})`)
}

describe('without a coordinator', () => {
  test('what it would have shown has neither come nor lasted', async () => {
    const found = await verdicts(`
timeline:
  - { do: kill-coordinator, label: blind }
  - { do: kill-node, node: a }
  - { do: wait, for: 10s }
expectations:
  - { expect: vm-on, vm: store, node: a, within: 5s, after: blind }
  - { expect: vm-phase, vm: store, phase: failed, hold: never }
  - { expect: vm-at-end, vm: store, node: a, phase: running }
  - { expect: node-at-end, node: a, phase: online }
  - { expect: not-restarted, vm: store }
  - { expect: restarts, vm: store, max: 0 }
  - { expect: migrations, max: 0 }
  - { expect: fenced, nodes: [] }
`)
    expect(found).toHaveLength(8)
    for (const line of found) expect(line).toMatch(/^broken: /)
    expect(found[0]).toContain('nothing of it was seen')
    for (const line of found.slice(1)) expect(line).toContain('the coordinator was away at the end')
  })

  test('for a while nothing is amiss, when it is back at the end', async () => {
    const found = await verdicts(`
timeline:
  - { do: kill-coordinator, label: blind }
  - { do: wait, for: 2s }
  - { do: restart-coordinator }
expectations:
  - { expect: vm-on, vm: store, node: a, within: 5s, after: blind }
  - { expect: vm-on, vm: store, node: a, hold: always }
  - { expect: not-restarted, vm: store }
`)
    for (const line of found) expect(line).toMatch(/^held: /)
  })
})

describe('recovered', () => {
  test('is of the loss before it, and not of one that was made good long ago', async () => {
    const found = await verdicts(`
timeline:
  - { do: kill-node, node: a, label: first }
  - { do: wait, for: 6s }
  - { do: kill-node, node: b, label: second }
  - { do: kill-node, node: c, label: third }
expectations:
  - { expect: recovered, vm: store, within: 10s, after: first }
  - { expect: recovered, vm: store, within: 5s, after: third }
`)
    expect(found[0]).toMatch(/^held: /)
    expect(found[1]).toMatch(/^broken: .*restarted 0 times/)
  })
})

test('what a guest said before is not said again because the coordinator came back', async () => {
  const found = await verdicts(`
timeline:
  - { do: kill-coordinator, label: killed }
  - { do: wait, for: 1s }
  - { do: restart-coordinator }
expectations:
  - { expect: console-contains, vm: store, text: workload=kv, within: 2s }
  - { expect: console-contains, vm: store, text: workload=kv, within: 5s, after: killed }
`)
  expect(found).toEqual([expect.stringMatching(/^held/), expect.stringMatching(/^broken/)])
})

test('a VM that is not there was started again neither often nor seldom', async () => {
  const found = await verdicts(`
timeline:
  - { do: stop, vm: store }
  - { do: remove, vm: store }
  - { do: kill-node, node: c }
  - { do: wait, for: 4s }
expectations:
  - { expect: restarts, vm: store, max: 0 }
`)
  expect(found).toEqual([expect.stringMatching(/^broken: .*\(there is no such VM\)/)])
})
