// What the simulated world needs of this machine: the engine's code, our guest, and two algorithms
// of Node's.

import { readFileSync } from 'node:fs'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { promptDeflate, realInflate } from '#env/real/deflate.ts'
import { promptZstd } from '#env/real/zstd.ts'
import { sha256 } from '#env/real.ts'
import type { SimPlatform } from '#scenarios/sim/sim-node.ts'
import { nodeTurns } from '#scenarios/sim/turns.ts'

const guest = new URL('../../../engine/guests/godwit-guest.bin', import.meta.url)

export const platform = async (): Promise<SimPlatform> => ({
  module: await WebAssembly.compile(readFileSync(coreWasmUrl)),
  image: { kernel: readFileSync(guest), defaultArgs: 'workload=cpu load=10' },
  ...{
    zstd: promptZstd,
    deflate: promptDeflate,
    inflate: realInflate,
    digest: sha256,
    turns: nodeTurns(),
  },
})
