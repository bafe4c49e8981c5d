// What a step may wait for: how it is read, told, and what is wrong with it.

import { describe, expect, test } from 'vitest'
import { readScenario } from '#scenarios/language/scenario.ts'
import { stepSentence } from '#scenarios/language/sentences.ts'
import { storyText } from '#scenarios/language/story.ts'
import { mistakeText } from '#scenarios/language/yaml-text.ts'

const head = `name: story
about: A story.
cluster: { nodes: [{ id: a }, { id: b }] }
vms: [{ id: store }]
`
const readOf = (text: string) => readScenario(head + text, 's.yaml')
const mistakesIn = (text: string): string[] => {
  const found = readOf(text)
  return 'mistakes' in found ? found.mistakes.map(mistakeText) : []
}

test('rounds and phases of a migration, words of a guest and of the cluster', () => {
  const found = readOf(`repetitions: 5
timeline:
  - { do: snapshot, vm: store, name: old }
  - { when: { migration: store, round: 2 }, do: cancel, vm: store }
  - { when: { migration: store, phase: copying, round: 1 }, do: post-copy, vm: store }
  - { when: { migration: store }, do: kill-node, node: b }
  - { when: { vm: store, says: ready }, do: balloon, vm: store, memory: 8MiB }
  - { when: { told: is fenced }, do: sleep-node, node: b }
  - { when: { vm: store, phase: running }, do: drop-snapshot, vm: store, snapshot: old }
`)
  if ('mistakes' in found) throw new Error(found.mistakes.map(mistakeText).join('\n'))
  expect(found.scenario.timeline.map(stepSentence)).toEqual([
    'take snapshot old of store',
    'once the migration of store is in round 2: cancel the migration of store',
    'once the migration of store is copying and in round 1: ' +
      'let store go on at its destination at once',
    'once the migration of store is under way: kill node b (SIGKILL)',
    'once the guest in store says "ready": ask store to hold 8 MiB',
    'once the cluster tells of "is fenced": put node b to sleep',
    'once store is running: drop snapshot old of store',
  ])
  expect(storyText(found.scenario)).toContain('It is played 5 times')
})

describe('mistakes', () => {
  const step = (when: string) => `timeline:\n  - { when: ${when}, do: wait, for: 1s }\n`
  test('in names and phases, with the one that was meant', () => {
    expect(mistakesIn(step('{ migration: stor }'))).toEqual([
      's.yaml:6:26: there is no VM `stor`; did you mean `store`?',
    ])
    expect(mistakesIn(step('{ migration: store, phase: coping }'))).toEqual([
      's.yaml:6:40: unknown `coping`; did you mean `copying`?',
    ])
  })
  test('in how often it is to be played', () => {
    expect(mistakesIn('repetitions: 0\n')[0]).toMatch(/^s\.yaml:5:14: repetitions: /)
  })
})

test('a disk that nothing fails of is no fault', () => {
  const text = 'timeline:\n  - { do: fail-disk, node: a, reads: false, writes: false }\n'
  expect(mistakesIn(text)).toEqual([
    's.yaml:6:5: nothing fails by this: leave reads or writes true',
  ])
})

test('a clock drifts by a share with its sign, within bounds', () => {
  const step = (by: string) => `timeline:\n  - { do: drift-clock, node: a, by: ${by} }\n`
  const found = readOf(`timeline:
  - { do: drift-clock, node: a, by: +200ppm }
  - { do: drift-clock, node: a, by: -1.5% }
  - { do: drift-clock, node: a, by: +0% }
`)
  if ('mistakes' in found) throw new Error(found.mistakes.map(mistakeText).join('\n'))
  expect(found.scenario.timeline.map(stepSentence)).toEqual([
    'let the clock of node a go 200 ppm too fast',
    'let the clock of node a go 15000 ppm too slowly',
    'let the clock of node a go evenly',
  ])
  expect(mistakesIn(step('5%'))[0]).toMatch(/with its sign/)
  expect(mistakesIn(step('+5%'))[0]).toMatch(/up to 2%/)
})
