// Which line of a trace file a VM gets.

import { expect, test } from 'vitest'
import { readScenario } from '#scenarios/language/scenario.ts'
import { VmSpecs } from '#scenarios/runner/vm-specs.ts'

test('each VM that asks for the next trace gets another one, whatever others ask for', () => {
  const read = readScenario(
    `name: story
about: A story.
cluster: { nodes: [{ id: a }] }
traces: loads.csv
vms:
  - { id: steady, model: { load: 5% } }
  - { id: one, model: { load: { trace: next } } }
  - { id: constant, model: { load: 5% } }
  - { id: other, model: { load: { trace: next } } }
`,
    's.yaml',
  )
  if ('mistakes' in read) throw new Error(JSON.stringify(read.mistakes))
  const { scenario } = read
  const specs = new VmSpecs(scenario, { mayModel: true }, 'first,10\nsecond,90\n')
  const tracesOf = scenario.vms.map((vm) => /"trace":"(\w+)"/.exec(specs.of(vm).args)?.[1])
  expect(tracesOf).toEqual([undefined, 'first', undefined, 'second'])
})
