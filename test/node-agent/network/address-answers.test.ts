// What a node answers its own VMs: DHCP as a client of RFC 2131 sees it, and ARP for the server.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answeringMac, answersTo } from '#node-agent/network/address-answers.ts'
import {
  arpOffsets,
  broadcastMac,
  destinationOf,
  ethertypes,
  macAt,
  macOfText,
  newArp,
  newFrame,
  putMac,
  sourceOf,
  word,
} from '#node-agent/network/ethernet.ts'
import { dhcpPorts, readUdp, udpFrame } from '#node-agent/network/udp.ts'
import { answeringIpv4, ipv4OfMac, reservedIpv4 } from '#proto/network-address.ts'

const owner = { vmId: 'web-1', mac: '02:11:22:0a:0b:0c' }
const [own, server] = [
  [10, 10, 11, 12],
  [10, 255, 255, 254],
]
const mac = macOfText(owner.mac)
const [discover, offer, request, ack, nak, release, inform] = [1, 2, 3, 5, 6, 7, 8]
const anyone = [0, 0, 0, 0]

interface Question {
  readonly type: number
  readonly client?: readonly number[]
  readonly options?: readonly number[]
  readonly flags?: number
}

function message({ type, client = anyone, options = [], flags = 0 }: Question): Uint8Array {
  const bytes = new Uint8Array(300)
  bytes.set([1, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe])
  bytes[10] = flags
  bytes.set(client, 12)
  putMac(bytes, 28, mac)
  bytes.set([99, 130, 83, 99, 53, 1, type, ...options, 255], 236)
  return bytes
}

const frameOf = (payload: Uint8Array, toPort: number = dhcpPorts.server) =>
  udpFrame({
    ...{ destination: broadcastMac, source: mac, fromIpv4: anyone, toIpv4: [255, 255, 255, 255] },
    ...{ fromPort: dhcpPorts.client, toPort, payload },
  })

/** The node's answer: its type, the address in it, and its options by code. */
function ask(question: Question) {
  const answers = answersTo(frameOf(message(question)), owner)
  const [frame] = answers ?? []
  if (!frame) return undefined
  const payload = readUdp(frame)?.payload as Uint8Array
  const options = new Map<number, number[]>()
  for (let at = 240; payload[at] !== 255; at += 2 + (payload[at + 1] as number))
    options.set(payload[at] as number, [
      ...payload.subarray(at + 2, at + 2 + (payload[at + 1] as number)),
    ])
  return {
    frame,
    type: options.get(53)?.[0],
    yours: [...payload.subarray(16, 20)],
    transaction: [...payload.subarray(4, 8)],
    hardware: macAt(payload, 28),
    toIpv4: [...frame.subarray(30, 34)],
    options,
  }
}

describe('a client that asks for an address (RFC 2131, 3.1)', () => {
  test('is offered the one that follows from its VM', () => {
    const answer = ask({ type: discover })
    expect(answer).toMatchObject({ type: offer, yours: own, hardware: mac, toIpv4: own })
    expect(answer?.transaction).toEqual([0xca, 0xfe, 0xba, 0xbe])
    expect(destinationOf(answer?.frame as Uint8Array)).toBe(mac)
    expect(sourceOf(answer?.frame as Uint8Array)).toBe(answeringMac)
  })

  test('is told who answers, the network, its name, for how long; and no router', () => {
    const { options } = ask({ type: discover }) as NonNullable<ReturnType<typeof ask>>
    expect(options.get(54)).toEqual(server)
    expect(options.get(1)).toEqual([255, 0, 0, 0])
    expect(String.fromCharCode(...(options.get(12) ?? []))).toBe('web-1')
    expect(options.get(51)).toEqual([0, 0, 2, 88])
    expect(options.has(3)).toBe(false)
  })

  test('is granted it when it takes the offer, and when it renews', () => {
    const chosen = [54, 4, ...server, 50, 4, ...own]
    expect(ask({ type: request, options: chosen })).toMatchObject({ type: ack, yours: own })
    expect(ask({ type: request, client: own })).toMatchObject({ type: ack, yours: own })
  })

  test('is refused another one, before all: a clone that renews its parent’s asks anew', () => {
    const answer = ask({ type: request, client: [10, 1, 2, 3] })
    expect(answer).toMatchObject({ type: nak, yours: anyone, toIpv4: [255, 255, 255, 255] })
    expect(destinationOf(answer?.frame as Uint8Array)).toBe(broadcastMac)
    expect(ask({ type: request, options: [50, 4, 10, 1, 2, 3] })?.type).toBe(nak)
  })

  test('gets its answer by broadcast if it cannot hear it otherwise', () => {
    const answer = ask({ type: discover, flags: 0x80 })
    expect(answer?.toIpv4).toEqual([255, 255, 255, 255])
    expect(destinationOf(answer?.frame as Uint8Array)).toBe(broadcastMac)
  })

  test('is told the rest without an address when it has one', () => {
    const answer = ask({ type: inform, client: own })
    expect(answer).toMatchObject({ type: ack, yours: anyone, toIpv4: own })
    expect(answer?.options.has(51)).toBe(false)
  })

  test('hears nothing when it chose another server, or gives the address back', () => {
    expect(ask({ type: request, options: [54, 4, 10, 0, 0, 1, 50, 4, ...own] })).toBeUndefined()
    expect(ask({ type: release, client: own })).toBeUndefined()
  })
})

describe('the address that answers', () => {
  const question = (target: readonly number[]) => {
    const frame = newArp(broadcastMac, mac, ethertypes.arp, 1)
    putMac(frame, arpOffsets.senderMac, mac)
    frame.set(own, arpOffsets.senderIpv4)
    frame.set(target, arpOffsets.targetIpv4)
    return frame
  }

  test('is found by ARP', () => {
    const [answer] = answersTo(question(server), owner) ?? []
    const frame = answer as Uint8Array
    expect(word(frame, arpOffsets.operation)).toBe(2)
    expect(macAt(frame, arpOffsets.senderMac)).toBe(answeringMac)
    expect([...frame.subarray(arpOffsets.senderIpv4, arpOffsets.targetMac)]).toEqual(server)
    expect(macAt(frame, arpOffsets.targetMac)).toBe(mac)
    expect(destinationOf(frame)).toBe(mac)
  })

  test('keeps what is sent to it; everything else is for the switch', () => {
    expect(answersTo(newFrame(answeringMac, mac, ethertypes.ipv4, 46), owner)).toEqual([])
    expect(answersTo(question([10, 0, 0, 7]), owner)).toBeUndefined()
    expect(answersTo(frameOf(new Uint8Array(20), 53), owner)).toBeUndefined()
    expect(answersTo(newFrame(broadcastMac, mac, ethertypes.ipv4, 46), owner)).toBeUndefined()
  })
})

test('the checksum of the IPv4 header is right (RFC 1071)', () => {
  const { frame } = ask({ type: discover }) as NonNullable<ReturnType<typeof ask>>
  let sum = 0
  for (let at = 14; at < 34; at += 2) sum += word(frame, at)
  expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff)
})

test('whatever a guest sends, nothing throws', () => {
  const bytes = fc.uint8Array({ maxLength: 400 })
  const broken = fc.tuple(bytes, fc.nat(330), fc.nat(255)).map(([noise, at, value]) => {
    const frame = frameOf(message({ type: request, options: [...noise.subarray(0, 40)] }))
    frame[at] = value
    return frame
  })
  fc.assert(fc.property(bytes, (frame) => void answersTo(frame, owner)))
  fc.assert(fc.property(broken, (frame) => void answersTo(frame, owner)))
})

test('the address follows from the last three octets; a few are nobody’s', () => {
  expect(ipv4OfMac(owner.mac)).toBe('10.10.11.12')
  const ofNobody = ['02:00:00:00:00:00', '02:00:00:ff:ff:ff', '02:00:00:ff:ff:fe'].map(ipv4OfMac)
  expect(ofNobody).toEqual(['10.0.0.0', '10.255.255.255', answeringIpv4])
  expect(reservedIpv4).toEqual(ofNobody)
})
