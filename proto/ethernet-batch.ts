// Ethernet frames between two nodes' switches: many in one message, without msgpack.
// Not here: which frame goes where (node-agent/network/). Bytes; little-endian; a frame is Ethernet
// without its checksum, 14 to 1,518 bytes.
//
//   0 u8 kind (frameKind of wire.ts)    1 u8 version    then for each frame u16 length, bytes
//
// What comes from another node is checked here and nowhere else: a length that cannot be is a named
// fault, never a throw. A message without a frame is a sign of life.

import { type Fault, fault } from './faults.ts'
import { frameKind } from './wire.ts'

const version = 1
const headerBytes = 2
const lengthBytes = 2
export const ethernetBytesMin = 14
/** MTU 1,500, the two addresses and the type, and a VLAN tag. */
export const ethernetBytesMax = 1518
/** Some forty full frames: large enough for the link's speed, small enough to share it. */
export const batchBytesMax = 64 * 1024

/** The messages that carry these frames, in their order; at least one, empty if there is none. */
export function encodeBatches(frames: readonly Uint8Array[]): Uint8Array<ArrayBuffer>[] {
  const messages: Uint8Array<ArrayBuffer>[] = []
  for (let first = 0; first < frames.length || messages.length === 0; ) {
    let bytes = headerBytes
    let end = first
    for (; end < frames.length; end++) {
      const more = lengthBytes + (frames[end]?.length ?? 0)
      if (bytes + more > batchBytesMax) break
      bytes += more
    }
    messages.push(encode(frames.slice(first, end), bytes))
    first = end
  }
  return messages
}

function encode(frames: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(bytes)
  message[0] = frameKind
  message[1] = version
  let at = headerBytes
  for (const frame of frames) {
    message[at] = frame.length & 0xff
    message[at + 1] = frame.length >>> 8
    message.set(frame, at + lengthBytes)
    at += lengthBytes + frame.length
  }
  return message
}

/** The frames in `received` (kind byte removed), as views of it, or the fault in it. */
export function decodeBatch(
  received: Uint8Array,
): { readonly frames: readonly Uint8Array[] } | { readonly fault: Fault } {
  if (received.length + 1 > batchBytesMax) return bad(`it has ${received.length} bytes`)
  if (received[0] !== version) return bad(`its version is ${received[0]}, mine is ${version}`)
  const frames: Uint8Array[] = []
  for (let at = headerBytes - 1; at < received.length; ) {
    if (at + lengthBytes > received.length) return bad('it ends inside a length')
    const length = (received[at] as number) | ((received[at + 1] as number) << 8)
    if (length < ethernetBytesMin || length > ethernetBytesMax)
      return bad(`it claims a frame of ${length} bytes`)
    const from = at + lengthBytes
    if (from + length > received.length) return bad('it ends inside a frame')
    frames.push(received.subarray(from, from + length))
    at = from + length
  }
  return { frames }
}

const bad = (why: string) => ({
  fault: fault('bad-frame', `Ethernet batch refused: ${why}; do the versions match?`),
})
