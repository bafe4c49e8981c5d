// SHA-256 as the machine's own library has it: with the processor's instructions for it, where it
// has any. Not here: what is named and sealed by it (engine/snapshots/digest.ts). Bytes.
// Source: FIPS 180-4.

import { hash } from 'node:crypto'

/** 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')
