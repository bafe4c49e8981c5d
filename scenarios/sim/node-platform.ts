// What Node gives to the simulated world: the engine's core, our own guest, zstd, deflate, SHA-256,
// hashes of passwords, and the turn of the event loop.

import { readFileSync } from 'node:fs'
import { scryptPasswords } from '#coordinator/shell/passwords.ts'
import { coreWasmUrl } from '#engine/cpu/module.ts'
import { promptDeflate, realInflate } from '#env/real/deflate.ts'
import { promptZstd } from '#env/real/zstd.ts'
import { sha256 } from '#env/real.ts'
import type { ScenarioPlatform } from './scenario-world.ts'
import { nodeTurns } from './turns.ts'

const guest = new URL('../../engine/guests/godwit-guest.bin', import.meta.url)

export async function nodePlatform(): Promise<ScenarioPlatform> {
  return {
    module: await WebAssembly.compile(readFileSync(coreWasmUrl)),
    image: { kernel: readFileSync(guest), defaultArgs: 'workload=cpu load=10' },
    ...{ zstd: promptZstd, deflate: promptDeflate, inflate: realInflate, digest: sha256 },
    passwords: scryptPasswords(),
    turns: nodeTurns(),
  }
}
