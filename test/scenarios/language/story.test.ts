// What `godwit scenario explain` tells is what the scenario says: nothing rounded, nothing that
// changes the story left out.

import { expect, test } from 'vitest'
import { readScenario } from '#scenarios/language/scenario.ts'
import { storyText } from '#scenarios/language/story.ts'

function told(text: string): string {
  const read = readScenario(`name: story\nabout: A story.\n${text}`, 's.yaml')
  if ('mistakes' in read) throw new Error(JSON.stringify(read.mistakes))
  return storyText(read.scenario)
}

const nodes = 'nodes: [{ id: a, mips: 40, memory: 64MiB }, { id: b, start: later }]'

test('times are told as they are written', () => {
  const story = told(`cluster:
  ${nodes}
  links: [{ from: a, to: b, latency: 0.25ms, jitter: 1.1ms }]
timeline:
  - { do: wait, for: 1250ms }
  - { do: wait, for: 0.4ms }
  - { do: wait, for: 90m }
  - { do: wait, for: 24h }
expectations:
  - { expect: told, text: x, within: 2340ms }
`)
  for (const text of [
    ...['wait 1.25 s', 'wait 0.4 ms', 'wait 5400 s', 'wait 24 h', 'within 2.34 s'],
    ...['0.25 ms long, up to 1.1 ms longer', 'node b: 1 pCPU, as fast as it can, 1,024 MiB, joins'],
  ])
    expect(story).toContain(text)
})

test('a fence device is what fences, when it comes first', () => {
  const silent = (keys: string) => told(`cluster:\n  ${nodes}\n${keys}`).split('\n')[2]
  expect(silent('')).toBe('What stands there (a silent node is fenced after 3 s)')
  expect(silent('  fence-after: 1s\n')).toContain('fenced after 1 s, by a device)')
  expect(silent('  fence-after: 9s\n')).toContain('fenced after 3 s)')
})

test('how a step has to end, how a VM moves, and which step a label names', () => {
  const story = told(`cluster: { ${nodes} }
vms: [{ id: x }]
timeline:
  - { do: migrate, vm: x, to: b, mode: post-copy, bandwidth-max: 40, downtime-max: 20ms }
  - { do: migrate, vm: x, to: a, force: true, outcome: failed, label: refused }
  - { do: migrate, vm: x, outcome: any }
  - { do: start, vm: x, wait: false }
  - { do: set-power, save: true, sleep-after: 1500ms, load-max: 80%, max-watts: 200 }
`)
  for (const text of [
    '1. migrate x to b with mode post-copy, downtime-max 20 ms, bandwidth-max 40 MB/s',
    '2. migrate x to a, by force; it has to fail ("refused")',
    '3. migrate x to the best node; it may fail',
    '4. start x again, and wait for nothing',
    '5. set power to save true, sleep-after 1.5 s, load-max 80 %, max-watts 200 W',
  ])
    expect(story).toContain(text)
})

test('what the cluster does by itself, and what a VM is', () => {
  const story = told(`seed: 4
repetitions: 3
cluster:
  ${nodes}
  rebalance: true
  power: { save: true, wake: 2s }
  ha: { tolerate: 1 }
traces: loads.csv
vms:
  - id: x
    memory: 64MiB
    cap: 50%
    model: { load: { mean: 30%, swing: 10%, period: 24h }, hot: { memory: 4MiB, rate: 20 } }
  - id: y
    disk: 4MiB
    policy: { protection: checkpoint, checkpoint: 500ms }
    model: { load: { trace: next, from: 8h } }
`)
  for (const text of [
    'It is played 3 times, with another seed each, from 4 on.',
    'the cluster rebalances by itself',
    'high availability: tolerate 1',
    'power: save true, wake 2 s',
    'VM x: a model, load 30 % ± 10 % in 24 h, 4 MiB written at 20 pages a second, 64 MiB, at most 50 % of a core',
    'VM y: a model, load by the next trace from 8 h on, 16 MiB, a disk of 4 MiB',
    'protection checkpoint, checkpoint every 500 ms',
  ])
    expect(story).toContain(text)
})
