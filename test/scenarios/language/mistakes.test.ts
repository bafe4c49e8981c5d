// Every mistake in a scenario is found, at its line and column, with a word on how to mend it.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readScenario } from '#scenarios/language/scenario.ts'
import { mistakeText } from '#scenarios/language/yaml-text.ts'

const mistakesIn = (text: string): string[] => {
  const read = readScenario(text, 's.yaml', 'story')
  return 'mistakes' in read ? read.mistakes.map(mistakeText) : []
}
const head = `name: story
about: A story.
cluster: { nodes: [{ id: node-a }, { id: node-b }] }
`

describe('syntax', () => {
  test('is pointed at', () => {
    expect(mistakesIn('name: [a\nabout: b\n')).toEqual([expect.stringMatching(/^s\.yaml:2:1: /)])
    expect(mistakesIn('name: a\nname: b\n')).toEqual(['s.yaml:2:1: Map keys must be unique'])
  })
  test('that gives no map is no scenario', () => {
    expect(mistakesIn('')).toEqual([
      's.yaml:1:1: scenario: should be a map of keys and values, is empty',
    ])
    expect(mistakesIn('- a')[0]).toMatch(/^s\.yaml:1:1: .*is a list$/)
    expect(mistakesIn('x'.repeat(2 << 20))[0]).toMatch(/^s\.yaml:1:1: this is too long/)
  })
})

describe('any text at all', () => {
  test('is a scenario or has mistakes, and never breaks the reader', () => {
    const pieces = fc.constantFrom(
      'name: a\n',
      'timeline:\n',
      '  - do: wait\n',
      '- ',
      '&a ',
      '*a',
      ': ',
      '{',
      '[',
      '"',
      '\n',
    )
    const texts = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 20 }).map((all) => all.join('')),
    )
    fc.assert(
      fc.property(texts, (text) => {
        const read = readScenario(text, 's.yaml')
        if (!('mistakes' in read)) return
        expect(read.mistakes.length).toBeGreaterThan(0)
        for (const line of read.mistakes.map(mistakeText))
          expect(line).toMatch(/^s\.yaml:\d+:\d+: ./)
      }),
    )
  })
  test('that unfolds without end is refused', () => {
    const level = (i: number) =>
      `l${i}: &l${i} [${Array(9)
        .fill(`*l${i - 1}`)
        .join(',')}]\n`
    const bomb = `l0: &l0 [x]\n${Array.from({ length: 9 }, (_, i) => level(i + 1)).join('')}`
    expect(mistakesIn(bomb)).toEqual([expect.stringMatching(/^s\.yaml:1:1: .*alias/i)])
    expect(mistakesIn('a: 1\nb: *b\n')).toEqual([
      's.yaml:2:4: Unresolved alias (the anchor must be set before the alias): b',
    ])
  })
})

describe('a merged map', () => {
  const vms = (second: string) =>
    `${head}vms:\n  - &web { id: a, memory: 8MiB, args: workload=cpu }\n  - ${second}\n`
  test('gives what is not said again', () => {
    const read = readScenario(vms('{ <<: *web, id: b, memory: 16MiB }'), 's.yaml', 'story')
    expect('scenario' in read && read.scenario.vms).toMatchObject([
      { id: 'a', memory: 8, args: 'workload=cpu' },
      { id: 'b', memory: 16, args: 'workload=cpu' },
    ])
  })
  test('is pointed at where it is used', () => {
    for (const source of ['*wbe', 'web'])
      expect(mistakesIn(vms(`{ <<: ${source}, id: b }`))).toEqual([
        's.yaml:6:11: Merge sources must be maps or map aliases',
      ])
    const listed = `${head.replace('about: ', 'about: &text ')}vms: [{ <<: *text }]\n`
    expect(mistakesIn(listed)).toEqual(['s.yaml:4:13: Merge sources must be maps or map aliases'])
    expect(mistakesIn(vms('{ <<: *web }'))[0]).toMatch(/^s\.yaml:6:5: .*`a`/)
  })
})

describe('shape', () => {
  test('an unknown key, with the one that was meant', () => {
    expect(mistakesIn(`${head}vms:\n  - { id: a, memroy: 4MiB }\n`)).toEqual([
      's.yaml:5:14: unknown key `memroy`; did you mean `memory`?',
    ])
    expect(mistakesIn(`${head}colour: red\n`)[0]).toMatch(
      /^s\.yaml:4:1: unknown key `colour`; known: name, about, seed, repetitions, cluster/,
    )
  })
  test('an unknown key inside a step, among the keys of that step', () => {
    expect(mistakesIn(`${head}timeline:\n  - do: wait\n    foor: 2s\n    for: 2s\n`)).toEqual([
      's.yaml:6:5: unknown key `foor`; did you mean `for`?',
    ])
  })
  test('an unknown action or expectation, with the one that was meant', () => {
    expect(mistakesIn(`${head}timeline:\n  - do: migrat\n`)).toEqual([
      's.yaml:5:9: unknown `migrat`; did you mean `migrate`?',
    ])
    expect(mistakesIn(`${head}timeline:\n  - at: 2s\n`)[0]).toMatch(
      /^s\.yaml:5:5: `timeline\[1\].do` is missing: one of run, migrate, cancel, post-copy/,
    )
    expect(mistakesIn(`${head}expectations:\n  - expect: single-copies\n`)).toEqual([
      's.yaml:5:13: unknown `single-copies`; did you mean `single-copy`?',
    ])
  })
  test('a quantity without a unit', () => {
    expect(mistakesIn(`${head}timeline:\n  - do: wait\n    for: 3\n`)).toEqual([
      's.yaml:6:10: timeline[1].for: write a duration with its unit: 500ms, 2s or 1m',
    ])
    expect(mistakesIn(`${head}vms:\n  - { id: a, memory: 4MB }\n`)).toEqual([
      's.yaml:5:22: vms[1].memory: write a size with its unit: 16MiB or 1GiB',
    ])
  })
  test('a value that is missing, where it should be', () => {
    expect(mistakesIn(`${head}timeline:\n  - do: wait\n`)).toEqual([
      's.yaml:5:5: `timeline[1].for` is missing',
    ])
  })
  test('one of several, by the nearest way to write it', () => {
    const expectation = (phase: string) =>
      `${head}vms: [{ id: a }]\nexpectations:\n  - { expect: vm-phase, vm: a, phase: ${phase} }\n`
    expect(mistakesIn(expectation('runing'))).toEqual([
      's.yaml:6:39: unknown `runing`; did you mean `running`?',
    ])
    expect(mistakesIn(expectation('[running, paued]'))).toEqual([
      's.yaml:6:49: unknown `paued`; did you mean `paused`?',
    ])
  })
  test('a state that is waited for, by the keys that its writer may have meant', () => {
    const seen = (when: string) =>
      mistakesIn(`${head}timeline:\n  - { when: ${when}, do: rebalance }`)
    expect(seen('{ nod: a, phase: fenced }')).toContain(
      's.yaml:5:15: unknown key `nod`; did you mean `node`?',
    )
    expect(seen('{ migration: s, rund: 1 }')).toEqual([
      's.yaml:5:29: unknown key `rund`; did you mean `round`?',
    ])
    expect(seen('{ node: a }')[0]).toMatch(/`timeline\[1\].when.phase` is missing: one of online,/)
  })
  test('what is no name, no word and no number', () => {
    expect(mistakesIn(`${head}timeline:\n  - do: [rebalance]\n`)[0]).toMatch(
      /^s\.yaml:5:9: timeline\[1\].do: is a list; one of run,/,
    )
    expect(mistakesIn(`${head}seed: .inf\n`)).toEqual([
      's.yaml:4:7: seed: should be a number, is Infinity',
    ])
    expect(mistakesIn(head.replace('}] }', '}], racks: { R_x: [a] } }'))).toEqual([
      expect.stringMatching(/^s\.yaml:3:\d+: `R_x`: use 1-63 of a-z/),
    ])
  })
  test('what no coordinator and no agent would start with', () => {
    const cluster = (keys: string, node = '') =>
      mistakesIn(`name: story\nabout: a\ncluster:\n  nodes: [{ id: a${node} }]\n${keys}`)
    expect(cluster('  heartbeat: 0s\n')).toEqual(['s.yaml:5:14: cluster.heartbeat: from 1ms to 1h'])
    expect(cluster('  lease: 100ms\n  heartbeat: 1s\n')).toEqual([
      's.yaml:5:10: a lease is three heartbeats at least',
    ])
    expect(cluster('', ', cores: 1.5')[0]).toContain('cores: should be a whole number, is 1.5')
    expect(cluster('', ', mips: 1e9')[0]).toContain('mips: Too big')
    expect(cluster('', ', memory: 99999GiB')[0]).toContain('a node has 1MiB to 16384GiB')
  })
  test('all mistakes at once, in the order of the file', () => {
    const text = 'name: story\nabout: ""\ncluster: { nodes: [] }\nvms: 3\n'
    expect(mistakesIn(text).map((line) => line.split(' ')[0])).toEqual([
      's.yaml:2:8:',
      's.yaml:3:19:',
      's.yaml:4:6:',
    ])
  })
})

describe('what cannot be', () => {
  const all = `${head}vms: [{ id: store }, { id: web }]\n`
  test('a least that is above the most', () => {
    expect(
      mistakesIn(`${all}expectations:\n  - { expect: restarts, vm: store, min: 3, max: 1 }\n`),
    ).toEqual(['s.yaml:6:49: it is below min, 3: nothing is both'])
  })
  test('a snapshot or a template that no earlier step makes, unless it is meant to fail', () => {
    const timeline = `${all}timeline:
  - { do: snapshot, vm: store, name: before, count: 2 }
  - { do: template, vm: store, name: shop }
  - { do: restore, vm: store, snapshot: befor-2 }
  - { do: drop-snapshot, vm: web, snapshot: before-1 }
  - { do: drop-template, template: shup }
  - { do: restore, vm: store, snapshot: before-2 }
  - { do: restore, vm: web, snapshot: before-2, outcome: failed }
`
    expect(mistakesIn(timeline)).toEqual([
      's.yaml:8:41: there is no earlier snapshot of store `befor-2`; did you mean `before-2`?',
      's.yaml:9:45: there is no earlier snapshot of web `before-1`',
      's.yaml:10:36: there is no earlier template `shup`; did you mean `shop`?',
    ])
  })
  test('a node of one letter is not taken for another one', () => {
    const text = head.replaceAll('node-', '').concat('timeline:\n  - { do: kill-node, node: c }\n')
    expect(mistakesIn(text)).toEqual(['s.yaml:5:28: there is no node `c`; known: a, b'])
  })
})

describe('a trace file', () => {
  const text = `${head}traces: loads.csv
vms:
  - { id: a, model: { load: { trace: web } } }
  - { id: b, model: { load: { trace: next } } }
`
  const mistakesWith = (traces: string | undefined) => {
    const read = readScenario(text, 's.yaml', 'story')
    return 'mistakes' in read ? ['unsound'] : read.mistakesWith(traces).map(mistakeText)
  }
  test('that is there, and has the lines that are named', () => {
    expect(mistakesWith('web,1,2\ndb,3\n')).toEqual([])
    expect(mistakesWith('wbe,1,2\n')).toEqual([
      's.yaml:6:38: there is no line of loads.csv `web`; did you mean `wbe`?',
    ])
  })
  test('that is not there, is empty, or is none', () => {
    expect(mistakesWith(undefined)).toEqual([
      's.yaml:4:9: there is no file `loads.csv` in the folder',
    ])
    expect(mistakesWith('\n')).toEqual(['s.yaml:4:9: `loads.csv` has no line'])
    expect(mistakesWith('web,1\ndb,0.5\n')[0]).toMatch(/^s\.yaml:4:9: loads\.csv: line 2 of the/)
  })
})

describe('names', () => {
  test('a scenario is called as its folder', () => {
    expect(mistakesIn(head.replace('name: story', 'name: stry'))).toEqual([
      's.yaml:1:7: should be `story`, as its folder is',
    ])
  })
  test('that nobody declared', () => {
    const text = `${head}vms:
  - { id: store, args: workload=kv, disk: 4MiB, node: node-c }
clients:
  - { id: shop, vm: stoer }
timeline:
  - { do: migrate, vm: store, to: nodea, after: begun }
expectations:
  - { expect: vm-on, vm: store, node: [node-a, node-d], after: moved }
  - { expect: no-lost-writes, client: shopp }
`
    expect(mistakesIn(text)).toEqual([
      's.yaml:5:55: there is no node `node-c`; did you mean `node-a`?',
      's.yaml:7:21: there is no VM `stoer`; did you mean `store`?',
      's.yaml:9:49: there is no earlier step `begun`',
      's.yaml:9:35: there is no node `nodea`; did you mean `node-a`?',
      's.yaml:11:39: there is no node `node-d`; did you mean `node-a`?',
      's.yaml:11:64: there is no step labelled `moved`',
      's.yaml:12:39: there is no client `shopp`; did you mean `shop`?',
    ])
  })
  test('that are there twice', () => {
    const text = head.replace('node-b', 'node-a')
    expect(mistakesIn(text)).toEqual(['s.yaml:3:42: there already is a node `node-a`'])
  })
  test('of clones are those that the timeline makes', () => {
    const clones = `${head}vms: [{ id: a }]
timeline:
  - { do: clone, vm: a, count: 2 }
  - { do: clone, vm: a }
  - { do: stop, vm: a-3 }
  - { do: stop, vm: a-4 }
`
    expect(mistakesIn(clones)).toEqual(['s.yaml:9:21: there is no VM `a-4`; did you mean `a-1`?'])
  })
})

describe('parts that do not fit together', () => {
  test('a client needs a store that keeps something', () => {
    const client = 'clients: [{ id: shop, vm: a }]\n'
    expect(mistakesIn(`${head}vms: [{ id: a }]\n${client}`)[0]).toMatch(
      /^s\.yaml:5:27: .*workload=kv/,
    )
    expect(mistakesIn(`${head}vms: [{ id: a, args: workload=kv }]\n${client}`)[0]).toMatch(
      /disk: 4MiB/,
    )
  })
  test('a typist needs a desktop, and a screen', () => {
    const typist = 'typists: [{ id: anna, vm: a }]\n'
    expect(mistakesIn(`${head}vms: [{ id: a }]\n${typist}`)[0]).toMatch(/workload=desktop/)
    expect(mistakesIn(`${head}vms: [{ id: a, args: workload=desktop }]\n${typist}`)[0]).toMatch(
      /screen: 320x240/,
    )
    expect(mistakesIn(`${head}vms: [{ id: a }]\ntypists: [{ id: anna, vm: b }]\n`)[0]).toMatch(
      /there is no VM `b`/,
    )
  })
  test('a step has one trigger, a cut cuts something, only a later VM is run', () => {
    const text = `${head}vms: [{ id: a }]
timeline:
  - { do: wait, for: 1s, label: x }
  - { do: wait, for: 1s, at: 1s, after: x }
  - { do: cut-node, node: node-a, coordinator: false, peers: false }
  - { do: run, vm: a }
`
    expect(mistakesIn(text)).toEqual([
      's.yaml:7:5: a step has one trigger at most: at, after or when',
      's.yaml:8:5: this cuts nothing: leave coordinator or peers true',
      's.yaml:9:20: `a` needs `start: later` to be run',
    ])
  })
})

describe('an order of starts that goes round in a circle', () => {
  const circlesIn = (vms: string, groups = '[]') =>
    mistakesIn(`${head}groups: ${groups}\nvms:\n${vms}`)
  test('is found where it is written, once', () => {
    const vms = `  - { id: a, policy: { after: [c, b] } }
  - { id: b, policy: { after: [a] } }
  - { id: c }
  - { id: d, policy: { after: [a] } }
`
    expect(circlesIn(vms)).toEqual([
      's.yaml:6:35: none of them would ever start: `a` after `b` after `a`',
    ])
    expect(circlesIn('  - { id: a, policy: { after: [a] } }\n')).toEqual([
      's.yaml:6:32: none of them would ever start: `a` after `a`',
    ])
  })
  test('through groups and numbers too', () => {
    const groups = '[{ name: web, vms: [b], policy: { after: [a] } }]'
    const vms = '  - { id: a, policy: { after: [group:web] } }\n  - { id: b }\n'
    expect(circlesIn(vms, groups)).toEqual([
      's.yaml:6:32: none of them would ever start: `a` after `b` after `a`',
    ])
    expect(circlesIn('  - { id: a, count: 2, policy: { after: [a-2] } }\n')).toEqual([
      's.yaml:6:42: none of them would ever start: `a-2` after `a-2`',
    ])
  })
  test('is none where a VM says otherwise than its group, or comes later', () => {
    const groups = '[{ name: web, vms: [b], policy: { after: [a] } }]'
    const a = '  - { id: a, policy: { after: [b] } }\n'
    expect(circlesIn(`${a}  - { id: b, policy: { after: [] } }\n`, groups)).toEqual([])
    expect(circlesIn(`${a}  - { id: b, start: later }\n`, groups)).toEqual([])
  })
})

describe('what the cluster would not take', () => {
  const vm = (said: string) => `${head}vms: [{ id: a, ${said} }]\n`
  const step = (said: string) => `${head}vms: [{ id: a }]\ntimeline: [{ ${said} }]\n`
  test.each([
    ['memory: 8GiB', 's.yaml:4:24: vms[1].memory: a VM has 4MiB to 3072MiB'],
    ['disk: 17GiB', 's.yaml:4:22: vms[1].disk: a disk has 16GiB at most'],
    ['cap: 0%', 's.yaml:4:21: vms[1].cap: a VM has one core: 1% to 100% of it'],
    ['heartbeat: 10ms', 's.yaml:4:27: vms[1].heartbeat: in whole ms, from 1s to 1h'],
    [
      'policy: { checkpoint: 1ms }',
      's.yaml:4:38: vms[1].policy.checkpoint: in whole ms, from 20ms to 1h',
    ],
  ])('of a VM is refused where it is written: %s', (said, mistake) => {
    expect(mistakesIn(vm(said))).toEqual([mistake])
  })
  test('nor of a node, or of a step', () => {
    expect(mistakesIn(head.replace('node-a', 'node-a, memory: 0MiB'))[0]).toMatch(
      /^s\.yaml:3:42: .*a node has 1MiB to/,
    )
    expect(mistakesIn(step('do: balloon, vm: a, memory: 0MiB'))[0]).toMatch(/1MiB at least/)
    expect(mistakesIn(step('do: migrate, vm: a, downtime-max: 0ms'))[0]).toMatch(/1ms to 1m/)
    expect(mistakesIn(step('do: wait, for: 99999999h'))[0]).toMatch(/^s\.yaml:.*a year is the most/)
  })
})
