// Agents are told who their neighbours are: when they join, and when that changes. And no two VMs
// get one address.

import { expect, test } from 'vitest'
import { freshIdentities, freshIdentity } from '#coordinator/identity.ts'
import type { Random } from '#env/env.ts'
import { SeededRandom } from '#env/memory.ts'
import { ipv4OfMac, reservedIpv4 } from '#proto/network-address.ts'
import { joined, restartServer, server, servesEachTest, token, voices } from './serving.ts'
import { Voice } from './voice.ts'

servesEachTest()

/** The names in each list that this agent has been told, in order. */
const told = (voice: Voice | undefined): string[][] =>
  (voice?.heard ?? []).flatMap((message) =>
    message.t === 'neighbours' ? [message.nodes.map(({ nodeId }) => nodeId)] : [],
  )

test('who joins is told of all, and all are told of it', async () => {
  const [n1] = await joined('n1')
  const [n2] = await joined('n2')
  await n1?.hear('neighbours', ({ nodes }) => nodes.length === 2)
  expect(told(n1)).toEqual([['n1'], ['n1', 'n2']])
  expect(told(n2)).toEqual([['n1', 'n2']])
  const list = n2?.heard.find((message) => message.t === 'neighbours')
  expect(list).toMatchObject({ nodes: [{ address: 'ws://n1' }, { address: 'ws://n2' }] })
})

test('a node that leaves in good order is a neighbour no more; one that is lost stays one', async () => {
  const [n1, n2, n3] = await joined('n1', 'n2', 'n3')
  n2?.close('shutting-down')
  await n1?.hear('neighbours', ({ nodes }) => nodes.map((n) => n.nodeId).join() === 'n1,n3')
  expect(told(n1).at(-1)).toEqual(['n1', 'n3'])
  n3?.close('gone with the wind')
  const [n4] = await joined('n4')
  expect(told(n4)).toEqual([['n1', 'n3', 'n4']])
})

test('who comes back over another link is told again, the others are not', async () => {
  const [n1] = await joined('n1')
  await joined('n2')
  await n1?.hear('neighbours', ({ nodes }) => nodes.length === 2)
  const again = await Voice.join(server.address, 'n2', token)
  voices.push(again)
  expect(told(again)).toEqual([['n1', 'n2']])
  expect(told(n1).length).toBe(2)
})

test('a coordinator that has been away knows the nodes there were', async () => {
  await joined('n1', 'n2')
  await restartServer()
  const [n1] = await joined('n1')
  expect(told(n1).at(-1)).toEqual(['n1', 'n2'])
})

test('a new VM has no address that another has, nor one that is nobody’s', () => {
  const macs = [
    [1, 1, 0, 0, 0],
    [9, 9, 0, 0, 1],
    [8, 8, 0, 0, 1],
    [7, 7, 0, 0, 2],
  ]
  const scripted = (): Random => {
    const [random, left] = [new SeededRandom(1), [...macs]]
    return {
      float: () => random.float(),
      below: (below) => random.below(below),
      bytes: (length) =>
        length === 5 ? Uint8Array.from(left.shift() ?? []) : random.bytes(length),
    }
  }
  // 10.0.0.0 is reserved, 10.0.0.1 is offered twice.
  const [first, second] = freshIdentities(scripted(), 2, [])
  expect([first?.mac, second?.mac].map((mac) => ipv4OfMac(mac ?? ''))).toEqual([
    '10.0.0.1',
    '10.0.0.2',
  ])
  const [other] = freshIdentities(scripted(), 1, ['02:ff:ff:00:00:01'])
  expect(ipv4OfMac(other?.mac ?? '')).toBe('10.0.0.2')
  expect(reservedIpv4).not.toContain(ipv4OfMac(freshIdentity(scripted()).mac))
})
