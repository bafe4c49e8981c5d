// What the node itself answers its own VMs, so that a guest has an IPv4 address without anyone's
// configuration: DHCP, and ARP for the address that answers. Pure: frame in, answer out. Neither
// the question nor the answer leaves the VM's port.
// Not here: which address a VM has (proto/network-address.ts), where frames go (switch.ts).
// Source: RFC 2131 (DHCP; sections 3 and 4.3), RFC 2132 (options), RFC 826 (ARP). No router is
// named: the network is the cluster, and nothing lies behind it. Times in seconds on the wire.

import { answeringIpv4, ipv4OfMac, ipv4PrefixBits } from '#proto/network-address.ts'
import {
  arpOffsets,
  broadcastMac,
  destinationOf,
  ethernetHeaderBytes,
  ethertypes,
  macOfText,
  newArp,
  putMac,
  sourceOf,
  typeOf,
  word,
} from './ethernet.ts'
import { dhcpPorts, readUdp, udpFrame } from './udp.ts'

/** Whose port it is. */
export interface PortOwner {
  readonly vmId: string
  /** As the identity has it. */
  readonly mac: string
}

/** The address is the VM's as long as it is that VM; a clone asks within half of this. */
export const leaseSec = 600
/** "GDWT" behind a locally administered prefix: nobody else's, for identities are random. */
export const answeringMac = macOfText('06:00:47:44:57:54')
const answeringOctets = octetsOf(answeringIpv4)

const opRequest = 1
const opReply = 2
/** Offsets in the DHCP message (RFC 2131, figure 1). */
const fields = {
  flags: 10,
  clientIpv4: 12,
  yourIpv4: 16,
  serverIpv4: 20,
  hardware: 28,
  cookie: 236,
} as const
const optionsAt = 240
const cookie = [99, 130, 83, 99]
const flagBroadcast = 0x8000
const hardwareBytes = 16
/** Some clients believe in no shorter one (RFC 1542, section 2.1). */
const messageBytesMin = 300
const options = {
  pad: 0,
  mask: 1,
  hostName: 12,
  requestedIpv4: 50,
  leaseSec: 51,
  messageType: 53,
  server: 54,
  end: 255,
} as const
const types = { discover: 1, offer: 2, request: 3, ack: 5, nak: 6, inform: 8 } as const

/** Answers to a VM's frame; undefined when the frame is not for the node, but for the switch. */
export function answersTo(frame: Uint8Array, owner: PortOwner): Uint8Array[] | undefined {
  if (frame.length < ethernetHeaderBytes) return undefined
  if (typeOf(frame) === ethertypes.arp) return answerArp(frame)
  const datagram = typeOf(frame) === ethertypes.ipv4 ? readUdp(frame) : undefined
  if (datagram?.toPort === dhcpPorts.server) {
    const reply = answerDhcp(datagram.payload, owner)
    return reply ? [dhcpFrame(frame, reply)] : []
  }
  return destinationOf(frame) === answeringMac ? [] : undefined
}

/** "Who has the address that answers?" Everything else in ARP is between guests. */
function answerArp(frame: Uint8Array): Uint8Array[] | undefined {
  const { operation, senderMac, senderIpv4, targetIpv4, targetMac, end } = arpOffsets
  if (frame.length < end || word(frame, operation) !== opRequest) return undefined
  if (!equal(frame.subarray(targetIpv4, targetIpv4 + 4), answeringOctets)) return undefined
  const reply = newArp(sourceOf(frame), answeringMac, ethertypes.arp, opReply)
  putMac(reply, senderMac, answeringMac)
  reply.set(answeringOctets, senderIpv4)
  reply.set(frame.subarray(senderMac, senderMac + 10), targetMac)
  return [reply]
}

interface DhcpReply {
  readonly message: Uint8Array
  readonly toIpv4: readonly number[]
}

/** Section 4.3.2: what a client asks for is granted if the VM has it, and refused if not. */
function answerDhcp(message: Uint8Array, owner: PortOwner): DhcpReply | undefined {
  if (message.length < optionsAt || message[0] !== opRequest) return undefined
  if (!equal(message.subarray(fields.cookie, optionsAt), cookie)) return undefined
  const asked = readOptions(message)
  const type = asked.get(options.messageType)?.[0]
  const server = asked.get(options.server)
  if (server && !equal(server, answeringOctets)) return undefined
  const own = octetsOf(ipv4OfMac(owner.mac))
  const client = message.subarray(fields.clientIpv4, fields.clientIpv4 + 4)
  if (type === types.discover) return reply(message, owner, types.offer)
  if (type === types.inform) return reply(message, owner, types.ack, client)
  if (type !== types.request) return undefined
  const wanted = asked.get(options.requestedIpv4) ?? client
  return equal(wanted, own) ? reply(message, owner, types.ack) : refuse(message)
}

function reply(asked: Uint8Array, owner: PortOwner, type: number, informs?: Uint8Array): DhcpReply {
  const own = octetsOf(ipv4OfMac(owner.mac))
  const name = [...new TextEncoder().encode(owner.vmId)]
  const message = newReply(asked, [
    [options.messageType, [type]],
    [options.server, answeringOctets],
    ...(informs ? [] : [[options.leaseSec, octetsOfNumber(leaseSec)] as const]),
    [options.mask, octetsOfNumber((0xffff_ffff << (32 - ipv4PrefixBits)) >>> 0)],
    [options.hostName, name],
  ])
  if (!informs) message.set(own, fields.yourIpv4)
  message.set(answeringOctets, fields.serverIpv4)
  const mustBroadcast = (word(asked, fields.flags) & flagBroadcast) !== 0
  return { message, toIpv4: mustBroadcast ? everyone : informs ? [...informs] : own }
}

/** Section 4.3.2: a refusal goes to all, for the client has no address that is right. */
function refuse(asked: Uint8Array): DhcpReply {
  const message = newReply(asked, [
    [options.messageType, [types.nak]],
    [options.server, answeringOctets],
  ])
  return { message, toIpv4: everyone }
}

/** A client that listens without an address of its own gets its answer by its MAC address. */
const dhcpFrame = (asked: Uint8Array, { message, toIpv4 }: DhcpReply): Uint8Array =>
  udpFrame({
    destination: toIpv4 === everyone ? broadcastMac : sourceOf(asked),
    source: answeringMac,
    fromIpv4: answeringOctets,
    toIpv4,
    fromPort: dhcpPorts.server,
    toPort: dhcpPorts.client,
    payload: message,
  })

const everyone = [255, 255, 255, 255]

type Option = readonly [code: number, bytes: readonly number[]]

function newReply(asked: Uint8Array, list: readonly Option[]): Uint8Array {
  const tail = [...list.flatMap(([code, bytes]) => [code, bytes.length, ...bytes]), options.end]
  const message = new Uint8Array(Math.max(messageBytesMin, optionsAt + tail.length))
  // Hardware type and length, hops, transaction: as they were asked with.
  message.set(asked.subarray(0, 8))
  message[0] = opReply
  message.set(asked.subarray(fields.flags, fields.flags + 2), fields.flags)
  message.set(asked.subarray(fields.hardware, fields.hardware + hardwareBytes), fields.hardware)
  message.set(cookie, fields.cookie)
  message.set(tail, optionsAt)
  return message
}

/** By code; an option that is cut off ends the list. */
function readOptions(message: Uint8Array): Map<number, Uint8Array> {
  const found = new Map<number, Uint8Array>()
  for (let at = optionsAt; at < message.length && message[at] !== options.end; ) {
    const code = message[at++] as number
    if (code === options.pad) continue
    const length = message[at++] ?? 0
    if (at + length > message.length) break
    found.set(code, message.subarray(at, at + length))
    at += length
  }
  return found
}

function octetsOf(ipv4: string): number[] {
  return ipv4.split('.').map(Number)
}

const octetsOfNumber = (value: number): number[] => [24, 16, 8, 0].map((n) => (value >>> n) & 0xff)

const equal = (bytes: ArrayLike<number>, other: ArrayLike<number>): boolean =>
  bytes.length === other.length && Array.from(bytes).every((byte, n) => byte === other[n])
