// The thread of a pCPU: its messages, its clock, its disk folder and its sleep. A shell: no
// decision is taken here.
// Not here: the scheduler (engine/pcpu.ts), the agent's end of the messages (pcpu-handle.ts).
// Units: ms of the node's clock, which is the same in all threads: the machine's monotonic one.
//
// The loop never goes back to the event loop: an idle pCPU sleeps on the doorbell. The agent posts
// a request first and rings then; we read the bell first and look for requests then. So a request
// is either found at once, or the bell has changed and the sleep does not begin: no wake-up is
// lost. While it has not rung there is nothing to look for. Ends with worker.terminate().

import { parentPort, receiveMessageOnPort } from 'node:worker_threads'
import { WasmCore } from '#engine/cpu/core.ts'
import { openLayeredDisk } from '#engine/devices/layered-disk.ts'
import { Pcpu } from '#engine/pcpu.ts'
import type { PcpuMessage, PcpuRequest, PcpuStart } from '#engine/vm-config.ts'
import { driftingClock, SharedDrift } from '#env/drifting-clock.ts'
import { faultyDisk, SharedDiskFaults } from '#env/faulty-disk.ts'
import { realClock } from '#env/real/clock.ts'
import { openFolderDisk } from '#env/real/disk.ts'
import { invariant } from '#proto/invariant.ts'
import { warmUp } from './pcpu-warm-up.ts'

invariant(parentPort !== null, 'pcpu-thread.ts runs only as a worker thread')
const port = parentPort

port.once('message', (start: PcpuStart) => {
  const pcpu = makePcpu(start)
  warmUp(pcpu, start.module)
  loop(pcpu, new Int32Array(start.doorbell))
})

function makePcpu(start: PcpuStart): Pcpu {
  const runUntilMs = new Float64Array(start.runUntilMs)
  const { clockDrift } = start
  const clock = clockDrift ? driftingClock(realClock, new SharedDrift(clockDrift)) : realClock
  const folder = openFolderDisk(start.diskFolder)
  const faults = start.diskFaults && new SharedDiskFaults(start.diskFaults)
  const store = faults ? faultyDisk(folder, () => faults.now) : folder
  return new Pcpu({
    host: clock,
    makeCore: ({ memory, ramBytes, clock, boot }, hooks) => {
      const sbi = boot === 'unmodified' ? 'firmware' : 'vmm'
      return new WasmCore({ module: start.module, memory, ramBytes, clock, sbi, hooks })
    },
    openDisk: (disk) => openLayeredDisk(store, disk),
    runUntilMs: () => runUntilMs[0] ?? 0,
    mips: start.mips,
    emit: post,
  })
}

function loop(pcpu: Pcpu, doorbell: Int32Array): never {
  let answered: number | undefined
  for (;;) {
    const rung = Atomics.load(doorbell, 0)
    if (rung !== answered) answerAll(pcpu)
    answered = rung
    const sleepMs = pcpu.run()
    if (sleepMs > 0) Atomics.wait(doorbell, 0, rung, sleepMs)
  }
}

function answerAll(pcpu: Pcpu): void {
  for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
    for (const { id, command } of got.message as readonly PcpuRequest[]) {
      const answer = pcpu.handle(command)
      post(answer instanceof Error ? { id, error: answer.message } : { id, value: answer })
    }
  }
}

function post(message: PcpuMessage): void {
  port.postMessage(message)
}
