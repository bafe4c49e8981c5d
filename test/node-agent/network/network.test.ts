// The network of a cluster: VMs on several nodes reach each other wherever they are, and what goes
// wrong at one end costs that end alone.

import { describe, expect, test } from 'vitest'
import { ethertypes, macOfText, typeOf } from '#node-agent/network/ethernet.ts'
import { backlogBytesMax, silenceMsMax, Trunk } from '#node-agent/network/trunk.ts'
import { waitingFramesMax } from '#node-agent/network/vm-port.ts'
import { batchBytesMax } from '#proto/ethernet-batch.ts'
import { asNodeId } from '#proto/ids.ts'
import { protocolVersion } from '#proto/units.ts'
import type { MessageLink } from '#proto/wire.ts'
import { type Guest, payloadOf, TestCluster } from './nodes.ts'

/** What a guest has got of other guests' words; announcements are not for it. */
const heard = ({ got }: Guest) =>
  got.filter((frame) => typeOf(frame) === ethertypes.ipv4).map(payloadOf)

async function cluster(...names: string[]) {
  const made = new TestCluster(...names)
  await made.start()
  return made
}

describe('VMs reach each other', () => {
  test('on one node, and on two', async () => {
    const made = await cluster('n1', 'n2')
    const [n1, n2] = [made.node('n1'), made.node('n2')]
    const [a, b, c] = [n1.run(made.guest()), n1.run(made.guest()), n2.run(made.guest())]
    await made.pass(10)
    n1.say(a, b, 'hello b')
    n1.say(a, c, 'hello c')
    n2.say(c, 'all', 'hello all')
    await made.settle()
    expect(heard(a)).toEqual(['hello all'])
    expect(heard(b)).toEqual(['hello b', 'hello all'])
    expect(heard(c)).toEqual(['hello c'])
  })

  test('there is one trunk between any two nodes', async () => {
    const made = await cluster('n1', 'n2', 'n3')
    expect(made.nodes.map(({ network }) => network.trunkCount)).toEqual([2, 2, 2])
    expect(made.nodes.map(({ links }) => links.length)).toEqual([0, 1, 2])
  })

  test('not with an address that is another’s, and not without a network', async () => {
    const made = await cluster('n1')
    const n1 = made.node('n1')
    const [a, b] = [n1.run(made.guest()), n1.run(made.guest())]
    n1.say(a, b, 'I am b', b.vm.identity.mac)
    expect(n1.network.traffic.lost.spoofed).toBe(1)
    const mute = made.guest()
    n1.run({ ...mute, vm: { ...mute.vm, spec: { ...mute.vm.spec, network: false } } })
    n1.say(mute, b, 'hello')
    expect(n1.network.traffic.lost['no-port']).toBe(1)
    await made.settle()
    expect(heard(b)).toEqual([])
  })

  test('a question for an address is answered at the port, and nobody else hears of it', async () => {
    const made = await cluster('n1', 'n2')
    const [n1, n2] = [made.node('n1'), made.node('n2')]
    const [a, b, c] = [n1.run(made.guest()), n1.run(made.guest()), n2.run(made.guest())]
    await made.pass(1000)
    for (const guest of [a, b, c]) guest.got.length = 0
    n1.network.hear(a.vm, [whoHas([10, 255, 255, 254], a)], 0)
    await made.settle()
    expect([a, b, c].map(({ got }) => got.length)).toEqual([1, 0, 0])
  })
})

describe('VMs of different networks', () => {
  test('hear nothing of each other, on one node or on two', async () => {
    const made = await cluster('n1', 'n2')
    const [n1, n2] = [made.node('n1'), made.node('n2')]
    const [ann, bob] = [n1.run(made.guest('~ann')), n1.run(made.guest('~bob'))]
    const [annsOther, bobsOther] = [n2.run(made.guest('~ann')), n2.run(made.guest('~bob'))]
    const nobodys = n2.run(made.guest())
    await made.pass(1000)
    for (const { got } of [ann, bob, annsOther, bobsOther, nobodys]) got.length = 0
    n1.say(ann, 'all', 'hello all')
    for (const other of [bob, bobsOther, nobodys]) n1.say(ann, other, 'hello you')
    n1.say(ann, annsOther, 'hello my own')
    await made.settle()
    expect(heard(annsOther)).toEqual(['hello all', 'hello my own'])
    expect([bob, bobsOther, nobodys, ann].map(({ got }) => got.length)).toEqual([0, 0, 0, 0])
    expect(n1.network.traffic.lost.foreign).toBe(1)
  })

  test('one that is given away leaves one company for another, and is announced there', async () => {
    const made = await cluster('n1', 'n2')
    const [n1, n2] = [made.node('n1'), made.node('n2')]
    const given = n1.run(made.guest('~ann'))
    const [ann, bob] = [n2.run(made.guest('~ann')), n2.run(made.guest('~bob'))]
    await made.pass(1000)
    given.vm.spec = { ...given.vm.spec, network: '~bob' }
    n1.network.rejoin(given.vm)
    await made.pass(10)
    n1.say(given, 'all', 'who is here?')
    n2.say(bob, given, 'I am')
    n2.say(ann, given, 'I was')
    await made.settle()
    expect([heard(ann), heard(bob), heard(given)]).toEqual([[], ['who is here?'], ['I am']])
  })

  test('nothing of a network of its own goes to a node that is too old to tell', async () => {
    const made = new TestCluster('n1', 'n2', 'n3')
    for (const name of ['n1', 'n3']) made.old.add(name)
    await made.start()
    const [n1, n2, n3] = ['n1', 'n2', 'n3'].map((name) => made.node(name))
    const [ann, nobodys] = [n2?.run(made.guest('~ann')), n2?.run(made.guest())] as [Guest, Guest]
    await made.pass(1000)
    const came = () => [n1, n3].map((node) => node?.network.traffic.trunk.in.frames)
    const before = came()
    n2?.say(ann, 'all', 'secret')
    await made.pass(1000)
    expect(came()).toEqual(before)
    n2?.say(nobodys, 'all', 'for all')
    await made.settle()
    expect(came()).toEqual(before.map((frames) => Number(frames) + 1))
  })
})

describe('a VM that moves', () => {
  test('is found at once, by those who were talking to it from a third node', async () => {
    const made = await cluster('n1', 'n2', 'n3')
    const [n1, n2, n3] = [made.node('n1'), made.node('n2'), made.node('n3')]
    const [a, mover] = [n3.run(made.guest()), n1.run(made.guest())]
    n1.say(mover, a, 'I am on n1')
    await made.settle()
    n1.leave(mover)
    n3.say(a, mover, 'lost: nobody runs it')
    await made.settle()
    n2.run(mover)
    await made.pass(10)
    const before = n1.network.traffic.trunk.in.frames
    n3.say(a, mover, 'found')
    await made.settle()
    expect(heard(mover)).toEqual(['found'])
    expect(n1.network.traffic.trunk.in.frames).toBe(before)
  })

  test('is announced five times within a second, to nodes and not to guests', async () => {
    const made = await cluster('n1', 'n2')
    const [n1, n2] = [made.node('n1'), made.node('n2')]
    const [a, b] = [n1.run(made.guest()), n2.run(made.guest())]
    const before = n2.network.traffic.trunk.in.frames
    await made.pass(2000)
    expect(n2.network.traffic.trunk.in.frames - before).toBe(5)
    expect(n2.network.learned).toBe(1)
    expect(heard(a).concat(heard(b))).toEqual([])
  })

  test('is announced no longer when it has gone before the last time', async () => {
    const made = await cluster('n1', 'n2')
    const a = made.node('n1').run(made.guest())
    await made.pass(100)
    const before = made.node('n2').network.traffic.trunk.in.frames
    made.node('n1').leave(a)
    await made.pass(2000)
    expect(made.node('n2').network.traffic.trunk.in.frames).toBe(before)
  })
})

describe('trunks come and go with the nodes', () => {
  test('one that is cut is given up, and made again when the cut heals', async () => {
    const made = await cluster('n1', 'n2')
    const [n1, n2] = [made.node('n1'), made.node('n2')]
    const [a, b] = [n1.run(made.guest()), n2.run(made.guest())]
    made.cut('n2')
    n1.say(a, b, 'lost')
    await made.pass(silenceMsMax + 500)
    expect(made.nodes.map(({ network }) => network.trunkCount)).toEqual([0, 0])
    made.heal('n2')
    await made.pass(12_000)
    expect(made.nodes.map(({ network }) => network.trunkCount)).toEqual([1, 1])
    n1.say(a, b, 'found')
    await made.settle()
    expect(heard(b)).toEqual(['found'])
  })

  test('one on which nobody says anything lives on', async () => {
    const made = await cluster('n1', 'n2')
    await made.pass(60_000)
    expect(made.node('n2').links.length).toBe(1)
    expect(made.node('n1').network.trunkCount).toBe(1)
  })

  test('a node that is no member any more has none', async () => {
    const made = await cluster('n1', 'n2', 'n3')
    made.tellNeighbours(['n1', 'n3'])
    await made.pass(5000)
    expect(made.node('n1').network.trunkCount).toBe(1)
    expect(made.node('n2').network.trunkCount).toBe(0)
  })

  test('a node with another token gets none', async () => {
    const made = new TestCluster('n1', 'n2')
    made.tokens.set('n1', 'guessed')
    await made.start()
    await made.pass(3000)
    expect(made.nodes.map(({ network }) => network.trunkCount)).toEqual([0, 0])
    expect(made.node('n2').links.length).toBeGreaterThan(1)
  })

  test('bytes that make no sense cost that trunk, by name, and it is made again', async () => {
    const made = await cluster('n1', 'n2', 'n3')
    const [n1, n3] = [made.node('n1'), made.node('n3')]
    // The other end of a trunk of n1, in bad hands.
    n3.links[0]?.send(Uint8Array.of(2, 1, 13, 0))
    await made.settle()
    expect(n1.log.lines.some(({ fields }) => fields?.code === 'bad-frame')).toBe(true)
    expect(made.node('n2').network.trunkCount).toBe(2)
    await made.pass(1000)
    expect(n1.network.trunkCount).toBe(2)
  })
})

describe('nothing grows without bound', () => {
  test('a guest that takes nothing loses what comes for it', async () => {
    const made = await cluster('n1')
    const n1 = made.node('n1')
    const [a, deaf] = [n1.run(made.guest()), n1.run(made.guest())]
    deaf.takes = false
    for (let n = 0; n < 1000; n++) n1.say(a, deaf, 'hello')
    expect(n1.network.traffic.vm.out.frames).toBe(2 + waitingFramesMax)
    expect(n1.network.traffic.lost.backlog).toBe(1000 - 2 - waitingFramesMax)
  })

  test('a guest without a driver is asked once, and again when it has sent something', async () => {
    const made = await cluster('n1')
    const n1 = made.node('n1')
    const [a, bare] = [n1.run(made.guest()), n1.run(made.guest())]
    bare.hasDriver = false
    for (let n = 0; n < 100; n++) {
      n1.say(a, 'all', 'hello')
      await made.settle()
    }
    expect(n1.deliveries).toBe(1)
    expect(n1.network.traffic.lost.guest).toBe(100)
    bare.hasDriver = true
    n1.say(bare, 'all', 'I am here')
    n1.say(a, bare, 'welcome')
    await made.settle()
    expect(heard(bare)).toEqual(['welcome'])
  })

  test('a trunk that is behind loses what is sent on it', () => {
    const sent: Uint8Array[] = []
    const link = {
      bufferedBytes: 0,
      send: (bytes: Uint8Array) => sent.push(bytes),
    } as unknown as MessageLink & { bufferedBytes: number }
    const { clock } = new TestCluster()
    const trunk = new Trunk(asNodeId('n2'), link, protocolVersion, {
      clock,
      frames: () => undefined,
    })
    expect(trunk.send([new Uint8Array(60)])).toBe(1)
    link.bufferedBytes = backlogBytesMax + 1
    expect(trunk.send([new Uint8Array(60), new Uint8Array(60)])).toBe(0)
    expect(sent.length).toBe(1)
    expect(batchBytesMax).toBeLessThan(backlogBytesMax)
  })
})

/** An ARP question of a guest. */
function whoHas(ipv4: readonly number[], { vm }: Guest): Uint8Array {
  const frame = new Uint8Array(60)
  const mac = macOfText(vm.identity.mac)
  frame.fill(0xff, 0, 6)
  const octets = [5, 4, 3, 2, 1, 0].map((n) => Math.floor(mac / 256 ** n) % 256)
  frame.set(octets, 6)
  frame.set([8, 6, 0, 1, 8, 0, 6, 4, 0, 1, ...octets], 12)
  frame.set(ipv4, 38)
  return frame
}
