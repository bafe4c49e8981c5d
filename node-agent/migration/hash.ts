// The one hash that both ends of a migration compare before the destination may run: over RAM, CPU
// and devices. The bytes that are hashed, in this order, integers little-endian:
//   "godwit-state-1\n"                         15 bytes, ASCII
//   set hash over all pages (trackedHash)      16 hex digits, ASCII
//   for each section, by kind in ASCII order:
//     u16 length of the kind, the kind (ASCII), u32 version, u32 length of its bytes, its bytes
// The source hashes the sections it captured, the destination those it captures again after it
// restored them: an equal hash says that the state is *in* the machine, not only that it arrived.
// Not here: the hash function itself (GuestMemory.hashBytes), the optional hash of the real RAM
// (fullHash).

import { joined } from '#proto/bytes.ts'
import type { StateSection } from '#proto/messages.ts'

const prefix = 'godwit-state-1\n'

/** The bytes over which the hash is taken. @param ramHash 16 hex digits. */
export function stateBytes(
  ramHash: string,
  sections: readonly StateSection[],
): Uint8Array<ArrayBuffer> {
  const ascii = new TextEncoder()
  const parts = [ascii.encode(prefix + ramHash)]
  for (const section of [...sections].sort((a, b) => (a.kind < b.kind ? -1 : 1))) {
    const kind = ascii.encode(section.kind)
    const head = new DataView(new ArrayBuffer(10 + kind.length))
    head.setUint16(0, kind.length, true)
    new Uint8Array(head.buffer).set(kind, 2)
    head.setUint32(2 + kind.length, section.version, true)
    head.setUint32(6 + kind.length, section.bytes.length, true)
    parts.push(new Uint8Array(head.buffer), section.bytes)
  }
  return joined(parts)
}
