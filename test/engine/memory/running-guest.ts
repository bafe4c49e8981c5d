// A worker thread that runs a guest on a shared memory, as a pCPU does: slices, and a dirty log
// taken when it is asked. For concurrent-guest.test.ts. Speaks in messages: in 'take' or 'stop';
// out { bitmap }.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { WasmCore } from '#engine/cpu/core.ts'

const { module, memory, ramBytes, pc, s0, pages } = workerData
const hooks = { mmioRead: () => undefined, mmioWrite: () => false, timeTicks: () => 0 }
const core = new WasmCore({ module, memory, ramBytes, clock: 'instructions', sbi: 'vmm', hooks })
core.reset({ pc, a0: 0n, a1: 0n, mode: 'S' })
core.setX(8, s0)
core.setX(9, pages)
const log = core.openLog()

for (let running = true; running; ) {
  core.run(20_000)
  const asked = parentPort && receiveMessageOnPort(parentPort)
  if (!asked) continue
  parentPort?.postMessage({ bitmap: core.takeLog(log) })
  running = asked.message !== 'stop'
}
