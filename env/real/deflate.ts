// Raw deflate (RFC 1951) as Node has it: on the threads of its pool, quickly rather than well. Not
// here: what a browser unpacks by itself. Bytes.

import { promisify } from 'node:util'
import { deflateRaw, deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Deflate, Inflate } from '../env.ts'

/** Screens are flat colours and letters: higher levels gain little and cost much. */
const options = { level: 1 }
const inPool = promisify<Uint8Array, typeof options, Uint8Array>(deflateRaw)

export const realDeflate: Deflate = (bytes) => inPool(bytes, options)

/** The same at once: for a world whose time stands still meanwhile. */
export const promptDeflate: Deflate = async (bytes) => deflateRawSync(bytes, options)

export const realInflate: Inflate = (packed, bytesMax) => {
  try {
    return inflateRawSync(packed, { maxOutputLength: Math.max(1, bytesMax) })
  } catch {
    return undefined
  }
}
