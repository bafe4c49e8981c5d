// Links and racks in a scenario: which directions are meant, how their shape is read, what is wrong
// with them, and how they are told.

import { describe, expect, test } from 'vitest'
import { roadsOf, shapeOf } from '#scenarios/language/links.ts'
import { readScenario } from '#scenarios/language/scenario.ts'
import { stepSentence } from '#scenarios/language/sentences.ts'
import { storyText } from '#scenarios/language/story.ts'
import { mistakeText } from '#scenarios/language/yaml-text.ts'
import type { Scenario } from '#scenarios/schema.ts'

const head = `name: story
about: A story.
cluster:
  nodes: [{ id: a }, { id: b }, { id: c }]
  racks: { near: [a, b], far: [c] }
`
function read(text: string): Scenario {
  const found = readScenario(head + text, 's.yaml')
  if ('mistakes' in found) throw new Error(found.mistakes.map(mistakeText).join('\n'))
  return found.scenario
}
const mistakesIn = (text: string): string[] => {
  const found = readScenario(text, 's.yaml')
  return 'mistakes' in found ? found.mistakes.map(mistakeText) : []
}
const { cluster } = read('')
const names = (link: Parameters<typeof roadsOf>[0]) =>
  roadsOf(link, cluster).map(({ from, to }) => `${from}>${to}`)

describe('the directions of a link', () => {
  test('are two, and one of them when it is one-way', () => {
    expect(names({ from: 'a', to: 'b', 'one-way': false })).toEqual(['a>b', 'b>a'])
    expect(names({ from: 'a', to: 'b', 'one-way': true })).toEqual(['a>b'])
  })
  test('of a rack are those of its nodes, to all that is outside when nobody is named', () => {
    expect(names({ from: 'near', to: 'far', 'one-way': true })).toEqual(['a>c', 'b>c'])
    expect(names({ from: 'far', 'one-way': true })).toEqual(['c>coordinator', 'c>a', 'c>b'])
  })
  test('within a rack are each there once', () => {
    expect(names({ from: 'near', to: 'near', 'one-way': false }).toSorted()).toEqual(['a>b', 'b>a'])
  })
})

test('a shape is read in ms, bytes and shares, and is none when nothing is said', () => {
  const { timeline } = read(`timeline:
  - { do: shape-link, from: a, latency: 12ms, jitter: 3ms, bandwidth: 16Mbit/s, loss: 0.5% }
  - { do: shape-link, from: near, to: far }
`)
  const shapes = timeline.map((step) => (step.do === 'shape-link' ? shapeOf(step) : 'another'))
  expect(shapes).toEqual([
    { latencyMs: 12, jitterMs: 3, bytesPerMs: 2000, lossShare: 0.005 },
    undefined,
  ])
})

test('links and racks are told in sentences', () => {
  const story = read(`  links: [{ from: near, to: far, latency: 12ms, bandwidth: 4MB/s }]
timeline:
  - { do: cut-link, from: a, to: coordinator, one-way: true }
  - { do: heal-link, from: near }
  - { do: shape-link, from: a, to: b, jitter: 5ms, loss: 2% }
  - { do: shape-link, from: c, one-way: true }
  - { do: cut-rack, rack: far }
`)
  expect(storyText(story)).toContain('rack near: a, b\n')
  expect(storyText(story)).toContain('the link between near and far: 12 ms long, 4 MB/s wide\n')
  expect(story.timeline.map(stepSentence)).toEqual([
    'cut the way from a to coordinator',
    'heal all links of near',
    'make the link between a and b up to 5 ms longer by chance, losing 2 %',
    'make all that c sends as good as any',
    'cut rack far off',
  ])
})

describe('mistakes', () => {
  test('in names of ends and racks, with the name that was meant', () => {
    const text = `${head}timeline:
  - { do: cut-link, from: a, to: coordinater }
  - { do: kill-rack, rack: fare }
  - { do: cut-link, from: a, to: a }
`
    expect(mistakesIn(text)).toEqual([
      's.yaml:7:34: there is no end of a link `coordinater`; did you mean `coordinator`?',
      's.yaml:8:28: there is no rack `fare`; did you mean `far`?',
      's.yaml:9:34: a link has two different ends',
    ])
  })
  test('in racks: nodes that are nobody, or twice, and names that are taken', () => {
    const racks = head.replace('{ near: [a, b], far: [c] }', '{ a: [b], far: [b, d] }')
    expect(mistakesIn(racks)).toEqual([
      's.yaml:5:15: `a` is no name for a rack: something else is called so',
      's.yaml:5:26: node `b` is in rack `a` already',
      's.yaml:5:29: there is no node `d`; known: a, b, c',
    ])
  })
  test('in quantities: a rate without its unit, more loss than a link has', () => {
    const step = (keys: string) => `${head}timeline:\n  - { do: shape-link, from: a, ${keys} }\n`
    expect(mistakesIn(step('bandwidth: 10'))[0]).toMatch(/^s\.yaml:7:43: .*10MB\/s or 16Mbit\/s$/)
    expect(mistakesIn(step('bandwidth: 0MB/s'))[0]).toMatch(/above 0/)
    expect(mistakesIn(step('loss: 60%'))[0]).toMatch(/cut-link/)
    expect(mistakesIn(step('latancy: 1ms'))).toEqual([
      's.yaml:7:32: unknown key `latancy`; did you mean `latency`?',
    ])
  })
})
