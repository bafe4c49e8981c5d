// UDP over IPv4 over Ethernet, as far as DHCP needs it: one whole datagram in one frame.
// Not here: what is in it (address-answers.ts). Bytes; addresses as four octets.
// Source: RFC 791 (IPv4), RFC 768 (UDP), RFC 1071 (the checksum).

import { ethernetHeaderBytes, ethertypes, newFrame, putWord, word } from './ethernet.ts'

export const dhcpPorts = { server: 67, client: 68 } as const

const ipAt = ethernetHeaderBytes
const ipHeaderBytes = 20
const udpHeaderBytes = 8
const protocolUdp = 17
/** Offsets in the IPv4 header. */
const ip = { length: 2, fragment: 6, ttl: 8, protocol: 9, checksum: 10, from: 12, to: 16 } as const
/** "More fragments", and where a fragment belongs. */
const fragmentBits = 0x3fff

/** The datagram in an IPv4 frame, if it is a whole one of UDP; lengths are the guest's word. */
export function readUdp(
  frame: Uint8Array,
): { readonly toPort: number; readonly payload: Uint8Array } | undefined {
  const headerBytes = ((frame[ipAt] ?? 0) & 0xf) * 4
  const udpAt = ipAt + headerBytes
  if (headerBytes < ipHeaderBytes || frame.length < udpAt + udpHeaderBytes) return undefined
  if ((frame[ipAt] as number) >>> 4 !== 4 || frame[ipAt + ip.protocol] !== protocolUdp)
    return undefined
  if (word(frame, ipAt + ip.fragment) & fragmentBits) return undefined
  const bytes = word(frame, udpAt + 4)
  if (bytes < udpHeaderBytes || udpAt + bytes > frame.length) return undefined
  const payload = frame.subarray(udpAt + udpHeaderBytes, udpAt + bytes)
  return { toPort: word(frame, udpAt + 2), payload }
}

export interface Datagram {
  readonly destination: number
  readonly source: number
  readonly fromIpv4: readonly number[]
  readonly toIpv4: readonly number[]
  readonly fromPort: number
  readonly toPort: number
  readonly payload: Uint8Array
}

/** The frame of one datagram. Without a UDP checksum, which IPv4 allows: nothing is on the way. */
export function udpFrame(datagram: Datagram): Uint8Array {
  const { destination, source, payload } = datagram
  const udpBytes = udpHeaderBytes + payload.length
  const frame = newFrame(destination, source, ethertypes.ipv4, ipHeaderBytes + udpBytes)
  const udpAt = ipAt + ipHeaderBytes
  frame[ipAt] = 0x45
  putWord(frame, ipAt + ip.length, ipHeaderBytes + udpBytes)
  frame[ipAt + ip.ttl] = 64
  frame[ipAt + ip.protocol] = protocolUdp
  frame.set(datagram.fromIpv4, ipAt + ip.from)
  frame.set(datagram.toIpv4, ipAt + ip.to)
  putWord(frame, ipAt + ip.checksum, checksum(frame.subarray(ipAt, udpAt)))
  putWord(frame, udpAt, datagram.fromPort)
  putWord(frame, udpAt + 2, datagram.toPort)
  putWord(frame, udpAt + 4, udpBytes)
  frame.set(payload, udpAt + udpHeaderBytes)
  return frame
}

function checksum(header: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += word(header, at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
