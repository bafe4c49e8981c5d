// The laboratory of a cluster in containers: who is told what when a node is broken, and what a
// node that comes anew is told at once.

import { beforeEach, describe, expect, test } from 'vitest'
import { VirtualClock } from '#env/memory.ts'
import { asNodeId } from '#proto/ids.ts'
import type { KeeperRequest, SilentWays } from '#scenarios/container/keeper-wire.ts'
import { ContainerLaboratory } from '#scenarios/container/laboratory.ts'

const [one, two, three] = ['node-1', 'node-2', 'node-3'].map(asNodeId) as [never, never, never]
const open: SilentWays = { coordinator: false, peers: false, from: [] }
let clock = new VirtualClock()
let asked: { address: string; request: KeeperRequest | undefined }[] = []
let answers: Readonly<Record<string, unknown>> = {}
let laboratory = new ContainerLaboratory(async () => ({}), clock)

/** What a node was told last about its ways. */
function waysOf(address: string): SilentWays | undefined {
  const told = asked.filter((one) => one.address === address).map(({ request }) => request)
  const last = told.findLast((request) => request?.do === 'silence')
  return last?.do === 'silence' ? last.ways : undefined
}

beforeEach(async () => {
  clock = new VirtualClock()
  asked = []
  answers = {}
  laboratory = new ContainerLaboratory(async (address, path, request) => {
    asked.push({ address, request })
    if (path === '/vms') return answers[address]
    const isDead = request?.do === 'kill'
    return { process: isDead ? 'exited' : request?.do === 'hang' ? 'hung' : 'running' }
  }, clock)
  await laboratory.enrol(one, '10.0.0.1')
  await laboratory.enrol(two, '10.0.0.2')
  await laboratory.enrol(three, '10.0.0.3')
})

describe('a cut', () => {
  test('of a node from its peers is silence at both ends', async () => {
    await laboratory.cutNode(one, { coordinator: false, peers: true })
    expect(waysOf('10.0.0.1')).toEqual({ ...open, peers: true })
    expect(waysOf('10.0.0.2')).toEqual({ ...open, from: ['10.0.0.1'] })
    expect(waysOf('10.0.0.3')).toEqual({ ...open, from: ['10.0.0.1'] })
    await laboratory.healNode(one)
    for (const address of ['10.0.0.1', '10.0.0.2']) expect(waysOf(address)).toEqual(open)
  })

  test('from the coordinator concerns nobody else', async () => {
    await laboratory.cutNode(two, { coordinator: true, peers: false })
    expect(waysOf('10.0.0.2')).toEqual({ ...open, coordinator: true })
    expect(waysOf('10.0.0.1')).toEqual(open)
  })

  test('of one link leaves all other links', async () => {
    await laboratory.cutLink(one, three)
    expect(waysOf('10.0.0.1')).toEqual({ ...open, from: ['10.0.0.3'] })
    expect(waysOf('10.0.0.3')).toEqual({ ...open, from: ['10.0.0.1'] })
    expect(waysOf('10.0.0.2')).toEqual(open)
    expect(laboratory.standing().links).toEqual([{ a: 'node-1', b: 'node-3' }])
  })

  test('holds for a container that comes anew under another address', async () => {
    await laboratory.cutNode(one, { coordinator: true, peers: true })
    await laboratory.enrol(one, '10.0.0.9')
    expect(waysOf('10.0.0.9')).toEqual({ ...open, coordinator: true, peers: true })
    expect(waysOf('10.0.0.2')).toEqual({ ...open, from: ['10.0.0.9'] })
  })
})

describe('what stands', () => {
  const processOf = (id: string) =>
    laboratory.standing().nodes.find((node) => node.id === id)?.process

  test('is what keepers said last; a hang ends by itself', async () => {
    await laboratory.killNode(one)
    await laboratory.hangNode(two, 500)
    expect([one, two, three].map(processOf)).toEqual(['exited', 'hung', 'running'])
    clock.advance(600)
    expect(processOf(two)).toBe('running')
  })

  test('a container that is not heard of has ended', () => {
    clock.advance(10_000)
    expect(processOf(three)).toBe('exited')
  })

  test('who is not known, and the coordinator, cannot be broken from here', async () => {
    await expect(laboratory.killNode(asNodeId('node-9'))).rejects.toThrow('node-1, node-2, node-3')
    await expect(laboratory.killCoordinator()).rejects.toThrow('docker kill')
  })
})

test('copies are what agents that run say, word for word; others are left out', async () => {
  const copy = { vmId: 'a', epoch: 2, state: 'running' }
  answers = { '10.0.0.1': [copy], '10.0.0.2': 'no such thing', '10.0.0.3': [] }
  await laboratory.killNode(three)
  expect(await laboratory.copies()).toEqual([{ nodeId: 'node-1', copies: [copy] }])
})
