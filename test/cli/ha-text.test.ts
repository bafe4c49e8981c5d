// High availability as the terminal shows it: what is declared, what is not so, and why.

import { expect, test } from 'vitest'
import { haText, rulesText, whyText } from '#cli/ha-text.ts'
import { haSettingsDefault } from '#proto/ha.ts'

const plain = (_style: unknown, text: string) => text

const rules = [
  {
    rule: {
      ...{ kind: 'node-affinity' as const, name: 'home', vms: ['db'], strict: false },
      nodes: [
        { id: 'n1', priority: 2 },
        { id: 'n2', priority: 0 },
      ],
    },
    broken: [],
  },
  {
    rule: { kind: 'keep-apart' as const, name: 'replicas', vms: ['a', 'b'], strict: true },
    broken: ['a, b on n1'],
  },
]

test('rules: what each says, and what is not so', () => {
  expect(rulesText(rules, plain)).toMatchInlineSnapshot(`
    "RULE      KIND           VMS   NODES     STRICT  NOT SO
    home      node-affinity  db    n1:2, n2  no      –
    replicas  keep-apart     a, b  –         yes     a, b on n1"
  `)
})

test('the state of the cluster: what may fail, and whom that would strand', () => {
  const view = {
    settings: { ...haSettingsDefault, tolerate: 1, armed: false },
    ...{ tolerated: 0, spareMib: 96, rules: [], groups: [] },
    shortages: [{ nodes: ['n1'], vms: ['db'] }],
  }
  expect(haText(view, [], plain)).toMatchInlineSnapshot(`
    "high availability is disarmed: nothing happens by itself; 0 of 0 VMs are protected
    0 nodes may fail now, 1 promised (refuse)
    96 MiB of memory are free on nodes in service
    VMs of a node that shuts down start elsewhere
    without n1 no room for db"
  `)
})

/** Local time, as times are told. */
const noonMs = new Date(2026, 0, 2, 12).getTime()

test('why: what happened on another day than today has its date', () => {
  const nowMs = Date.now()
  const at = (wallMs: number) => ({ seq: 1, wallMs, text: 'x' })
  const view = { vmId: 'db', now: 'db runs', bound: [], nodes: [], mend: [] }
  const told = whyText({ ...view, story: [at(noonMs), at(nowMs)] }, plain)
  expect(told).toMatch(/2026-01-02 12:00:00\.000 {2}x\n {2}\d\d:\d\d:\d\d\.\d{3} {2}x$/)
})

test('why: one answer, from the sentence to the story', () => {
  const view = {
    ...{ vmId: 'db', now: 'db is running, on n1: no other node could take it' },
    bound: ['rule home: db belong on n1 (2), n2 if possible'],
    nodes: [
      { id: 'n1', may: true, text: 'it is there' },
      { id: 'node-2', may: false, text: 'it is in maintenance' },
    ],
    mend: [],
    story: [{ seq: 1, wallMs: noonMs, text: 'db runs on n1' }],
  }
  expect(whyText(view, plain)).toMatchInlineSnapshot(`
    "db is running, on n1: no other node could take it

    What binds it
      rule home: db belong on n1 (2), n2 if possible

    Each node
      ✓ n1      it is there
      ✗ node-2  it is in maintenance

    Its story
      2026-01-02 12:00:00.000  db runs on n1"
  `)
})
