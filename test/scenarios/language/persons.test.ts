// Persons in a scenario: what may be said of them, how it reads, and where a mistake is.

import { describe, expect, test } from 'vitest'
import { readScenario } from '#scenarios/language/scenario.ts'
import { expectationSentence, stepSentence } from '#scenarios/language/sentences.ts'
import { storyText } from '#scenarios/language/story.ts'
import { mistakeText } from '#scenarios/language/yaml-text.ts'

const head = `name: story
about: A story.
cluster: { nodes: [{ id: a }] }
vms:
  - { id: desk, args: workload=desktop, screen: 320x240 }
  - { id: plain }
`

function mistakesIn(text: string): string[] {
  const read = readScenario(head + text, 's.yaml')
  return 'mistakes' in read ? read.mistakes.map(mistakeText) : []
}

function scenarioOf(text: string) {
  const read = readScenario(head + text, 's.yaml')
  if ('mistakes' in read) throw new Error(JSON.stringify(read.mistakes))
  return read.scenario
}

const mistakes: readonly (readonly [string, RegExp])[] = [
  ['persons: [{ id: ann, vms: [dask] }]', /^s\.yaml:7:28: .*`dask`.*did you mean `desk`/],
  [
    'persons: [{ id: ann, vms: [desk] }, { id: ben, vms: [desk] }]',
    /^s\.yaml:7:54: `desk` is somebody's already/,
  ],
  ['persons: [{ id: ann }, { id: ann }]', /^s\.yaml:7:30: there already is a person `ann`/],
  ['persons: [{ id: machine }]', /^s\.yaml:7:17: `machine` is the run's own/],
  ['persons: [{ id: vera, role: viewer, vms: [desk] }]', /^s\.yaml:7:42: .*viewer owns none/],
  ['persons: [{ id: v, role: viewer, quota: { vms: 1 } }]', /^s\.yaml:7:41: .*owns nothing/],
  ['persons: [{ id: ann, role: boss }]', /^s\.yaml:7:28: unknown `boss`/],
  ['typists: [{ id: t, vm: desk, as: ann }]', /^s\.yaml:7:34: there is no person `ann`/],
  [
    'persons: [{ id: ann }]\ntypists: [{ id: t, vm: desk, as: ann }]',
    /^s\.yaml:8:34: `desk` is not ann's/,
  ],
  [
    'persons: [{ id: v, role: viewer }]\ntypists: [{ id: t, vm: desk, as: v }]',
    /^s\.yaml:8:34: `v` is a viewer, who sees no screen/,
  ],
  ['timeline: [{ do: stop, vm: desk, as: ann }]', /^s\.yaml:7:38: there is no person `ann`/],
  ['timeline: [{ do: stop, vm: desk, refused: gone }]', /^s\.yaml:7:43: unknown `gone`/],
  ['timeline: [{ do: give, vm: desk, person: ann }]', /^s\.yaml:7:42: there is no person `ann`/],
  [
    'persons: [{ id: v, role: viewer }]\ntimeline: [{ do: give, vm: desk, person: v }]',
    /^s\.yaml:8:42: `v` is viewer: VMs are persons'/,
  ],
  [
    'persons: [{ id: ann }]\nexpectations: [{ expect: reaches, person: ann, vm: plain }]',
    /^s\.yaml:8:52: `plain` has no screen: say by: console/,
  ],
  [
    'persons: [{ id: ann }]\ntimeline: [{ do: share, vm: desk, as: ann, visitor: ann }]',
    /^s\.yaml:8:53: somebody is called `ann` already/,
  ],
  [
    'persons: [{ id: ann }]\ntimeline: [{ do: share, vm: desk, as: ann, visitor: v, for: 10ms }]',
    /^s\.yaml:8:61: a link leads there for a second at least/,
  ],
  [
    'persons: [{ id: ann }]\ntimeline: [{ do: unshare, visitor: vic }]',
    /^s\.yaml:8:36: there is no visitor `vic`/,
  ],
  [
    'expectations: [{ expect: kept-out, person: bob, vm: plain, by: [door] }]',
    /^s\.yaml:7:65: unknown `door`/,
  ],
]

describe('persons', () => {
  const text = `persons:
  - { id: ann, vms: [desk], quota: { vms: 1, memory: 64MiB, snapshots: 2 } }
  - { id: vera, role: viewer }
typists: [{ id: ann, vm: desk, as: ann }]
timeline: [{ do: give, vm: plain, person: ann }]
expectations:
  - { expect: reaches, person: ann, vm: desk, within: 2s }
  - { expect: kept-out, person: vera, vm: desk, by: [screen], code: not-allowed }
  - { expect: kept-out, person: vera, vm: plain }
`
  test('are told as a story', () => {
    const scenario = scenarioOf(text)
    const story = storyText(scenario)
    expect(story).toContain(
      'account ann: person, owner of desk, at most 1 VM, 64 MiB of memory, 2 snapshots',
    )
    expect(story).toContain('account vera: viewer')
    expect(story).toContain('ann types at the screen of desk, by the account ann')
    expect(scenario.timeline.map(stepSentence)).toEqual(['give plain to ann'])
    expect(scenario.expectations.map(expectationSentence)).toEqual([
      'ann reaches the screen of desk within 2 s',
      'never: vera reaches the screen of desk; the answer is not-allowed',
      'never: vera reaches the screen, the console or the state of plain',
    ])
  })

  test.each(mistakes)('that make no sense are pointed at: %s', (text, mistake) => {
    expect(mistakesIn(text)).toEqual([expect.stringMatching(mistake)])
  })

  test('who are given the VM later may type then', () => {
    const given = 'timeline: [{ do: give, vm: desk, person: ann }]\npersons: [{ id: ann }]'
    expect(mistakesIn(`${given}\ntypists: [{ id: t, vm: desk, as: ann }]`)).toEqual([])
  })
})
