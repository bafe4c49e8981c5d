// Fresh identities from the shell's Random: what makes a VM this one and no clone of another.
// UUIDs are version 4 (RFC 9562); MAC addresses are locally administered unicast (IEEE 802: second
// digit 2).

import type { Random } from '#env/env.ts'
import { reservedIpv4 } from '#proto/network-address.ts'
import type { VmIdentity } from '#proto/vm-spec.ts'

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += hexOfByte[byte]
  return text
}

/**
 * For VMs beside those that have these MAC addresses: all differ in the IPv4 address too that
 * follows from the MAC address.
 */
export function freshIdentities(
  random: Random,
  count: number,
  macs: readonly string[],
): VmIdentity[] {
  const taken = new Set(macs.map(addressPart))
  return Array.from({ length: count }, () => {
    const identity = freshIdentity(random, taken)
    taken.add(addressPart(identity.mac))
    return identity
  })
}

/** The octets of a MAC that make its IPv4 address (ipv4OfMac). */
const addressPart = (mac: string): string => mac.slice(-8)

/** Of addresses that no VM has. */
const reservedParts = new Set(reservedIpv4.map(partOfIpv4))

function partOfIpv4(ipv4: string): string {
  const octets = ipv4.split('.').slice(-3)
  return octets.map((octet) => hexOfByte[Number(octet)]).join(':')
}

/** `taken`: address parts that it may not have. */
export function freshIdentity(random: Random, taken: ReadonlySet<string> = new Set()): VmIdentity {
  let mac = freshMac(random)
  while (taken.has(addressPart(mac)) || reservedParts.has(addressPart(mac))) mac = freshMac(random)
  return { instanceId: uuidOf(random.bytes(16)), mac, randomSeed: hexOf(random.bytes(32)) }
}

function freshMac(random: Random): string {
  let mac = '02'
  for (const byte of random.bytes(5)) mac += `:${hexOfByte[byte]}`
  return mac
}

function uuidOf(bytes: Uint8Array): string {
  const marked = bytes.slice()
  marked[6] = ((marked[6] ?? 0) & 0x0f) | 0x40
  marked[8] = ((marked[8] ?? 0) & 0x3f) | 0x80
  const hex = hexOf(marked)
  const [low, middle, high] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16)]
  return `${low}-${middle}-${high}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
