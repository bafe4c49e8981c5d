// Raw deflate (RFC 1951) as Node has it: on the threads of its pool, quickly rather than well. Not
// here: unpacking, which is the browser's. Bytes.

import { promisify } from 'node:util'
import { deflateRaw, deflateRawSync } from 'node:zlib'
import type { Deflate } from '../env.ts'

/** Screens are flat colours and letters: higher levels gain little and cost much. */
const options = { level: 1 }
const inPool = promisify<Uint8Array, typeof options, Uint8Array>(deflateRaw)

export const realDeflate: Deflate = (bytes) => inPool(bytes, options)

/** The same at once: for a world whose time stands still meanwhile. */
export const promptDeflate: Deflate = async (bytes) => deflateRawSync(bytes, options)
