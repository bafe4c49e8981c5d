// A pCPU does once, on a VM that is nobody's, what it will have to do while a guest stands still
// for its move: what runs for the first time takes many times as long. Nothing is left of it.
// Not here: what the agent's own thread warms up (migration/warm-up.ts).

import { WasmGuestMemory } from '#engine/memory/guest-memory.ts'
import type { Pcpu } from '#engine/pcpu.ts'
import type { VmConfig } from '#engine/vm-config.ts'

/** The least that a machine can have. */
const ramBytes = 64 * 1024
const vmId = 'warm-up'
const turns = 3

export function warmUp(pcpu: Pcpu, module: WebAssembly.Module): void {
  const { memory } = WasmGuestMemory.create(module, ramBytes)
  const config: VmConfig = {
    ...{ vmId, memory, ramBytes, args: '', clock: 'real', boot: 'paravirtualised', epoch: 1 },
    ...{ cpuShares: 1024, cpuCapPercent: 100, leased: false },
    identity: { instanceId: '0'.repeat(32), mac: '02:00:00:00:00:00', randomSeed: '0'.repeat(64) },
  }
  const refused = pcpu.handle({ do: 'attach', config, start: 'empty' })
  if (refused instanceof Error) return
  for (let turn = 0; turn < turns; turn++) {
    const opened = pcpu.handle({ do: 'open-log', vmId })
    pcpu.handle({ do: 'resume', vmId, elapsedMs: 1 })
    if (opened instanceof Error) continue
    pcpu.handle({ do: 'take-log', vmId, log: opened.log, pause: true })
    pcpu.handle({ do: 'close-log', vmId, log: opened.log })
    const captured = pcpu.handle({ do: 'capture', vmId })
    if (!(captured instanceof Error))
      pcpu.handle({ do: 'restore', vmId, sections: captured.sections })
  }
  pcpu.handle({ do: 'detach', vmId })
}
