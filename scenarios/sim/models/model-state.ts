// What a modelled VM is besides its pages when it moves: how long it has run. As a named section of
// a migration, like CPU and devices of a real one, and what both ends compare. Not a proof of
// memory: a model has none.

import { type Fault, fault } from '#proto/faults.ts'
import type { StateSection } from '#proto/messages.ts'

const sectionKind = 'model'
const version = 1

export function modelSection(ranMs: number): StateSection {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, ranMs, true)
  return { kind: sectionKind, version, bytes }
}

export function ranMsOf(sections: readonly StateSection[]): number | Fault {
  const [section] = sections
  if (section?.kind !== sectionKind || section.version !== version || section.bytes.length !== 8)
    return fault('bad-message', 'what came is no modelled VM: both ends must be of models')
  const { bytes } = section
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true)
}

/** 16 hex digits of who it is and how far it has run (FNV-1a, 64 bits). */
export function modelHash(name: string, ranMs: number): string {
  let hash = 0xcbf29ce484222325n
  for (const char of `${name} ${ranMs}`) {
    hash ^= BigInt(char.charCodeAt(0))
    hash = BigInt.asUintN(64, hash * 0x100000001b3n)
  }
  return hash.toString(16).padStart(16, '0')
}
