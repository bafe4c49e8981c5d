// Fresh identities from the shell's Random: what makes a VM this one and no clone of another.
// UUIDs are version 4 (RFC 9562); MAC addresses are locally administered unicast (IEEE 802: second
// digit 2).

import type { Random } from '#env/env.ts'
import type { VmIdentity } from '#proto/vm-spec.ts'

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

export function freshIdentity(random: Random): VmIdentity {
  const mac = ['02', ...Array.from(random.bytes(5), (byte) => hexOf(Uint8Array.of(byte)))].join(':')
  return { instanceId: uuidOf(random.bytes(16)), mac, randomSeed: hexOf(random.bytes(32)) }
}

function uuidOf(bytes: Uint8Array): string {
  const marked = bytes.slice()
  marked[6] = ((marked[6] ?? 0) & 0x0f) | 0x40
  marked[8] = ((marked[8] ?? 0) & 0x3f) | 0x80
  const hex = hexOf(marked)
  const cuts = [0, 8, 12, 16, 20, 32]
  return cuts
    .slice(1)
    .map((end, n) => hex.slice(cuts[n], end))
    .join('-')
}
