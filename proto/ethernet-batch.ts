// Ethernet frames between two nodes' switches: many in one message, without msgpack.
// Not here: which frame goes where (node-agent/network/). Bytes; little-endian; a frame is Ethernet
// without its checksum, 14 to 1,518 bytes.
//
//   0 u8 kind (frameKind of wire.ts)    1 u8 version    then for each frame u16 length, bytes
//
// Version 1 carries frames of the network that VMs share which nobody owns. Version 2 has the name
// of a segment before the frames (u8 length, ASCII), all of which are of that one: a switch before
// segments cannot read it, and so never hands a frame to whom it is not for.
//
// What comes from another node is checked here and nowhere else: a length that cannot be is a named
// fault, never a throw. A message without a frame is a sign of life.

import { type Fault, fault } from './faults.ts'
import { invariant } from './invariant.ts'
import { NetworkName } from './vm-spec.ts'
import { frameKind } from './wire.ts'

const version = 1
const segmentVersion = 2
const segmentNameBytesMax = 64
/** The network of the VMs that nobody owns. */
export const commonSegment = ''
const headerBytes = 2
const lengthBytes = 2
export const ethernetBytesMin = 14
/** MTU 1,500, the two addresses and the type, and a VLAN tag. */
export const ethernetBytesMax = 1518
/** Some forty full frames: large enough for the link's speed, small enough to share it. */
export const batchBytesMax = 64 * 1024

/** The messages that carry these frames, in their order; at least one, empty if there is none. */
export function encodeBatches(
  frames: readonly Uint8Array[],
  segment: string = commonSegment,
): Uint8Array<ArrayBuffer>[] {
  const messages: Uint8Array<ArrayBuffer>[] = []
  const header = headerOf(segment)
  for (let first = 0; first < frames.length || messages.length === 0; ) {
    let bytes = header.length
    let end = first
    for (; end < frames.length; end++) {
      const more = lengthBytes + (frames[end]?.length ?? 0)
      if (bytes + more > batchBytesMax) break
      bytes += more
    }
    messages.push(encode(header, frames.slice(first, end), bytes))
    first = end
  }
  return messages
}

function headerOf(segment: string): readonly number[] {
  if (segment === commonSegment) return [frameKind, version]
  const name = new TextEncoder().encode(segment)
  invariant(name.length <= segmentNameBytesMax, `the segment ${segment} has too long a name`)
  return [frameKind, segmentVersion, name.length, ...name]
}

function encode(
  header: readonly number[],
  frames: readonly Uint8Array[],
  bytes: number,
): Uint8Array<ArrayBuffer> {
  const message = new Uint8Array(bytes)
  message.set(header)
  let at = header.length
  for (const frame of frames) {
    message[at] = frame.length & 0xff
    message[at + 1] = frame.length >>> 8
    message.set(frame, at + lengthBytes)
    at += lengthBytes + frame.length
  }
  return message
}

export interface Batch {
  /** Of which all of them are. */
  readonly segment: string
  readonly frames: readonly Uint8Array[]
}

/** The frames in `received` (kind byte removed), as views of it, or the fault in it. */
export function decodeBatch(received: Uint8Array): Batch | { readonly fault: Fault } {
  if (received.length + 1 > batchBytesMax) return bad(`it has ${received.length} bytes`)
  const segment = segmentIn(received)
  if (segment === undefined) return bad('its segment has no name that can be')
  if (typeof segment !== 'string') return segment
  const frames: Uint8Array[] = []
  const nameBytes = segment === commonSegment ? 0 : 1 + segment.length
  for (let at = headerBytes - 1 + nameBytes; at < received.length; ) {
    if (at + lengthBytes > received.length) return bad('it ends inside a length')
    const length = (received[at] as number) | ((received[at + 1] as number) << 8)
    if (length < ethernetBytesMin || length > ethernetBytesMax)
      return bad(`it claims a frame of ${length} bytes`)
    const from = at + lengthBytes
    if (from + length > received.length) return bad('it ends inside a frame')
    frames.push(received.subarray(from, from + length))
    at = from + length
  }
  return { segment, frames }
}

/** Undefined: it has a name that no network can have. */
function segmentIn(received: Uint8Array): string | undefined | { readonly fault: Fault } {
  if (received[0] === version) return commonSegment
  if (received[0] !== segmentVersion)
    return bad(`its version is ${received[0]}, mine is ${segmentVersion}`)
  const nameBytes = received[1] ?? 0
  const name = received.subarray(headerBytes, headerBytes + nameBytes)
  if (name.length !== nameBytes) return undefined
  return NetworkName.safeParse(String.fromCharCode(...name)).data
}

const bad = (why: string) => ({
  fault: fault('bad-frame', `Ethernet batch refused: ${why}; do the versions match?`),
})
