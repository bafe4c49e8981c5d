// What the doctor finds: nothing where nothing is wrong, and of all else what to do about it.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  clusterFindings,
  leaderFindings,
  type MachineFacts,
  machineFindings,
  storeFindings,
} from '#cli/diagnosis.ts'
import { HaRule, type HaView, haSettingsDefault } from '#proto/ha.ts'
import { busyCluster, clusterView, nodeView } from '../coordinator-double/views.ts'
import { godwit, temporaryHome } from './rehearsal.ts'

const well: MachineFacts = {
  ...{ nodeVersion: '24.21.0', nodeWanted: '>=24.12', cores: 4, freeMib: 8000, loadPerCore: 0.2 },
  ...{ hasCore: true, hasPage: true, hasDebian: true, portOwner: undefined },
  ...{ docker: '28.0.0', forsakenRuns: [] },
}
const troubles = (facts: Partial<MachineFacts>) =>
  machineFindings({ ...well, ...facts }).filter(({ is }) => is !== 'good')

describe('a machine', () => {
  test('that is well has nothing to be done', () => {
    expect(troubles({})).toEqual([])
    expect(machineFindings(well).every(({ mend }) => mend === undefined)).toBe(true)
  })

  test.each<[Partial<MachineFacts>, 'odd' | 'bad', string]>([
    [{ nodeVersion: '20.1.0' }, 'bad', 'start it by bin/godwit.mjs'],
    [{ nodeVersion: '24.9.0' }, 'bad', 'start it by bin/godwit.mjs'],
    [{ hasCore: false }, 'bad', 'npm run build'],
    [{ cores: 1 }, 'odd', 'expect longer downtimes'],
    [{ freeMib: 300 }, 'odd', 'end something, or run fewer nodes'],
    [{ loadPerCore: 7 }, 'odd', 'give nodes a longer lease: godwit up --lease 10s'],
    [{ portOwner: 'other' }, 'bad', 'godwit up --port 0'],
    [{ docker: undefined }, 'odd', 'install or start it, if you want containers'],
    [
      { forsakenRuns: ['77-ab'] },
      'odd',
      'the next godwit scenario run --world compose takes them away',
    ],
  ])('%j', (facts, is, mend) => {
    expect(troubles(facts)).toMatchObject([{ is, mend }])
  })
})

const ha = (more: Partial<HaView> = {}): HaView => ({
  ...{
    settings: haSettingsDefault,
    tolerated: 1,
    spareMib: 0,
    shortages: [],
    rules: [],
    groups: [],
  },
  ...more,
})
const said = (view: Parameters<typeof clusterFindings>[0], more: Partial<HaView> = {}) =>
  clusterFindings(view, ha(more)).map(({ is, what, mend }) => `${is}: ${what}: ${mend ?? ''}`)

describe('a cluster', () => {
  test('that is well says so', () => {
    const view = clusterView({ nodes: [nodeView('n1')], vms: [] })
    expect(said(view)).toEqual(['good: all is well with 1 nodes and 0 VMs: '])
  })

  test('names nodes that are away, VMs that failed or wait, each with the way to the reason', () => {
    const found = said(busyCluster()).join('\n')
    expect(found).toContain(
      'bad: n3 has stopped answering; its lease is not over yet: godwit logs n3',
    )
    expect(found).toMatch(/bad: n4 is lost and fenced/)
    expect(found).toMatch(/bad: \S+ has failed: .*: godwit why \S+/)
  })

  test('on etcd names the members that are not well, and how many more may fail', () => {
    const places = ['http://e1:2379', 'http://e2:2379', 'http://e3:2379']
    const membersWith = (...ill: number[]) =>
      places.map((address, n) => ({ address, ...(ill.includes(n) && { trouble: 'it is away' }) }))
    const texts = (...ill: number[]) =>
      storeFindings({ kind: 'etcd', members: membersWith(...ill) }).map(({ is, what }) => [
        is,
        what,
      ])
    expect(texts()).toEqual([['good', '3 of 3 members of etcd are well']])
    expect(texts(1)).toEqual([
      ['odd', 'etcd at http://e2:2379: it is away; no other may fail, or nobody leads'],
    ])
    expect(texts(0, 1).map(([is]) => is)).toEqual(['bad', 'bad'])
    expect(storeFindings({ kind: 'file', members: [] })).toEqual([])
  })

  test('names what was promised and is not so', () => {
    const view = clusterView({ nodes: [nodeView('n1')], vms: [] })
    const rule = HaRule.parse({ kind: 'keep-apart', name: 'x', vms: ['a', 'b'] })
    const settings = { ...haSettingsDefault, armed: false, tolerate: 1 }
    expect(
      said(view, { settings, tolerated: 0, rules: [{ rule, broken: ['a, b on n1'] }] }),
    ).toEqual([
      'bad: high availability is disarmed: godwit ha arm',
      'bad: 1 node failures are promised, 0 are tolerated: add a node',
      'bad: rule x is not kept: a, b on n1: godwit rule ls',
    ])
  })
})

test('doctor looks at this machine also when no cluster runs', async () => {
  const { out, notes } = await godwit('doctor')
  expect(out).toContain('This machine')
  expect(out).toContain(`Node ${process.versions.node}`)
  expect(notes).toContain('No cluster runs here.')
})

test('of several coordinators: who leads, who follows, and who could not take over', () => {
  const view = clusterView({ leader: { name: 'c2', term: 7 } })
  const place = (name: string, said: string | undefined) => ({
    ...{ name, said, address: `http://${name}:7070` },
  })
  expect(leaderFindings(view, [place('c1', 'follower\n'), place('c3', undefined)])).toEqual([
    { is: 'good', what: 'coordinator c2 leads (term 7)' },
    { is: 'good', what: 'coordinator c1 follows' },
    {
      is: 'odd',
      what: 'coordinator c3 does not answer at http://c3:7070: it cannot take over',
      mend: 'start it again',
    },
  ])
  expect(leaderFindings(clusterView(), [])).toEqual([])
})

test('the doctor takes what is left of an image for none', async () => {
  const home = temporaryHome()
  mkdirSync(join(home, 'images/debian'), { recursive: true })
  const { out } = await godwit('doctor -o json', { home })
  expect(out).toContain('no image of Debian')
})
