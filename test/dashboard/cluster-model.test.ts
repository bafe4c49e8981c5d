// What the page draws of a view: every VM once, copies under way at both ends, honest sums.
import { expect, test } from 'vitest'
import { isWorthSaying, pictureOf, roundPart, toneOf } from '#dashboard/cluster-model.ts'
import {
  busyCluster,
  clusterView,
  eventView,
  migrationView,
  nodeView,
  vmView,
} from '../coordinator-double/views.ts'

const namesOf = (tiles: ReturnType<typeof pictureOf>['columns'][number]['tiles']) =>
  tiles.map((tile) => (tile.kind === 'vm' ? tile.vm.id : `→ ${tile.name}`))

test('every VM stands on its node, or on none, and nowhere twice', () => {
  const view = busyCluster()
  const { columns, homeless } = pictureOf(view)
  const drawn = columns.flatMap(({ tiles }) => tiles.filter(({ kind }) => kind === 'vm'))
  expect(drawn.length + homeless.length).toBe(view.vms.length)
  expect(homeless.map(({ id }) => id)).toEqual(['archive', 'huge', 'solo'])
})

test('a migrating VM leaves at one end and arrives at the other', () => {
  const { columns } = pictureOf(busyCluster())
  expect(columns[0]?.tiles[0]).toMatchObject({ kind: 'vm', leaving: { to: 'n2' } })
  expect(namesOf(columns[1]?.tiles ?? []).at(-1)).toBe('→ ledger')
})

test('a VM that has arrived is not still arriving', () => {
  const view = clusterView({
    nodes: [nodeView('n2')],
    vms: [vmView('ledger', {}, { nodeId: 'n2' })],
    migrations: [migrationView('m-1', { phase: 'resolving' })],
  })
  expect(namesOf(pictureOf(view).columns[0]?.tiles ?? [])).toEqual(['ledger'])
})

test('a tile is the same while loads change, and another one for a VM that took the name', () => {
  const view = clusterView({
    nodes: [nodeView('n1')],
    vms: [vmView('shop', { args: 'workload=kv' })],
  })
  const before = pictureOf(view)
  const [shop] = view.vms
  const tilesWith = (vm: object) =>
    pictureOf({ ...view, vms: [{ ...shop, ...vm } as never] }, before).columns[0]?.tiles
  expect(tilesWith({ epoch: 4 })).toBe(before.columns[0]?.tiles)
  const anew = vmView('shop', { args: 'workload=cpu' })
  expect(tilesWith(anew)?.[0]).toMatchObject({ vm: { spec: { args: 'workload=cpu' } } })
})

test('a VM on a node that nobody knows is on no node', () => {
  const view = clusterView({ vms: [vmView('lost', {}, { nodeId: 'n9' })] })
  expect(pictureOf(view).homeless.map(({ id }) => id)).toEqual(['lost'])
})

test('only nodes that are online count as capacity', () => {
  expect(pictureOf(busyCluster()).sums).toEqual({
    nodes: 4,
    nodesOnline: 2,
    vms: 14,
    vmsRunning: 9,
    vmsUnknown: 0,
    cpuGotPercent: 248,
    cpuPercentMax: 400,
    memoryReservedMib: 576,
    memoryMib: 2048,
    ...{ watts: 0, savedPercent: 0 },
  })
})

test('the newest stands first', () => {
  const { ended, events, moving } = pictureOf(busyCluster())
  expect(moving.map(({ id }) => id)).toEqual(['m-5'])
  expect(ended.map(({ id }) => id)).toEqual(['m-4', 'm-3', 'm-2', 'm-1'])
  expect(events[0]?.seq).toBe(10)
})

test('a round without pages is no division by zero', () => {
  expect(roundPart(migrationView('m-1', { sentPages: 0, pagesOfRound: 0 }))).toBe(0)
})

test('what changes where things run is worth saying, an ordinary start is not', () => {
  const about = (kind: Parameters<typeof eventView>[1]) => {
    const event = eventView(1, kind, '')
    return [toneOf(event), isWorthSaying(event)]
  }
  expect(about('node-fenced')).toEqual(['bad', true])
  expect(about('node-suspect')).toEqual(['doubt', true])
  expect(about('vm-recovered')).toEqual(['good', true])
  expect(about('migration-done')).toEqual(['move', true])
  expect(about('migration-failed')).toEqual(['bad', true])
  expect(about('vm-running')).toEqual(['good', false])
  expect(about('coordinator-started')).toEqual(['plain', false])
})
