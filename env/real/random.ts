// Randomness of the operating system: for ids, tokens and seeds. What must be repeatable uses
// env/memory's.

import { randomBytes, randomInt } from 'node:crypto'
import type { Random } from '../env.ts'

export const realRandom: Random = {
  float: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  below: (below) => randomInt(below),
  bytes: (length) => new Uint8Array(randomBytes(length)),
}
