// Virtual time for what waits by promises: between two alarms everything that can go on does.
// Not here: what is waited for (scenarios/sim/sim-etcd.ts and etcd-client.ts). Times in ms.

import type { VirtualClock } from '#env/memory.ts'

const settled = () => new Promise((resolve) => setImmediate(resolve))

/** @param look after each alarm */
export async function pass(clock: VirtualClock, ms: number, look = () => {}): Promise<void> {
  const untilMs = clock.nowMs() + ms
  for (;;) {
    await settled()
    const nextMs = clock.nextAlarmMs
    if (nextMs === undefined || nextMs > untilMs) break
    clock.ringNext()
    look()
  }
  clock.advance(untilMs - clock.nowMs())
  await settled()
  look()
}
