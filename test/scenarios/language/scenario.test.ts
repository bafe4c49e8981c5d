// What a scenario file means once it is read: quantities, defaults, sentences, and the schema for
// editors.

import { describe, expect, test } from 'vitest'
import { specOf } from '#scenarios/language/cluster.ts'
import { editDistance, nearestName } from '#scenarios/language/nearest-name.ts'
import { durationText } from '#scenarios/language/quantities.ts'
import { readScenario } from '#scenarios/language/scenario.ts'
import { expectationSentence, stepSentence } from '#scenarios/language/sentences.ts'
import { type Scenario, scenarioJsonSchema } from '#scenarios/schema.ts'

function read(text: string): Scenario {
  const found = readScenario(`name: story\nabout: A story.\n${text}`, 's.yaml')
  if ('mistakes' in found) throw new Error(JSON.stringify(found.mistakes))
  return found.scenario
}

describe('a scenario', () => {
  test('is read with its quantities and defaults', () => {
    const { cluster, vms, seed } = read(`
cluster:
  nodes: [{ id: a, memory: 2GiB, mips: 50 }]
  lease: 1.5s
vms: [{ id: store, args: workload=kv, memory: 8MiB, disk: 4MiB, cap: 50%, ha: false }]
`)
    expect(seed).toBe(1)
    expect(cluster).toMatchObject({ lease: 1500, heartbeat: 250, margin: 500, rebalance: false })
    expect(cluster.nodes[0]).toEqual({
      ...{ id: 'a', cores: 1, mips: 50, memory: 2048, start: 'at-once' },
    })
    expect(vms.map(specOf)).toMatchObject([
      { memoryMib: 8, diskMib: 4, cpuCapPercent: 50, ha: false, image: 'godwit-guest' },
    ])
  })

  test('tells its steps and expectations as sentences', () => {
    const { timeline, expectations } = read(`
cluster: { nodes: [{ id: a }, { id: b }] }
vms: [{ id: x }]
timeline:
  - { do: migrate, vm: x }
  - { do: clone, vm: x, count: 3, to: b }
  - { do: cut-node, node: a, peers: false }
  - { do: hang-node, node: a, for: 300ms, label: hung }
expectations:
  - { expect: vm-on, vm: x, node: [a, b], within: 1500ms, after: hung }
  - { expect: vm-phase, vm: x, phase: failed, hold: never }
  - { expect: migrations, vm: x, min: 1, max: 2 }
`)
    expect(timeline.map(stepSentence)).toEqual([
      'migrate x to the best node',
      'clone x 3 times to b',
      'cut node a from the coordinator',
      'freeze node a for 300 ms',
    ])
    expect(expectations.map(expectationSentence)).toEqual([
      'x runs on a or b within 1.5 s of "hung"',
      'never: x is failed',
      '1 to 2 migrations of x succeeded',
    ])
  })
})

test('the schema for editors describes every key of every step', () => {
  const schema = scenarioJsonSchema()
  expect(schema.title).toBe('Godwit scenario')
  const steps = schema.properties?.timeline?.items?.oneOf ?? []
  expect(steps.map((step) => step.properties?.do?.const)).toContain('kill-node')
  const undescribed = steps.filter((step) => step.description === undefined)
  expect(undescribed).toEqual([])
})

test('durations are told as people tell them', () => {
  expect([5, 999, 1000, 1500, 61_000].map(durationText)).toEqual([
    '5 ms',
    '999 ms',
    '1 s',
    '1.5 s',
    '61 s',
  ])
})

describe('the nearest name', () => {
  test('is at most a third of its letters away', () => {
    expect(nearestName('kil-node', ['kill-node', 'hang-node'])).toBe('kill-node')
    expect(nearestName('ab', ['xy'])).toBeUndefined()
    expect(nearestName('stroe', ['store', 'shop'])).toBe('store')
  })
  test('counts a swap of neighbours once', () => {
    expect(editDistance('stroe', 'store')).toBe(1)
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('kitten', 'sitting')).toBe(3)
  })
})
