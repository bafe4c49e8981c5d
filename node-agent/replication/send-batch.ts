// The disk writes of one checkpoint on their way to the replica's node, in parts, no faster than
// the link takes them: who waits for an answer by the clock must not wait for what has not left
// here yet. Not here: pages (../migration/page-sender.ts), when (primary.ts). Bytes, ms.

import type { Clock } from '#env/env.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { diskPartBytesMax } from '#proto/replica-messages.ts'
import type { MessageLink } from '#proto/wire.ts'

/** As behind pages. */
const waitingBytesMax = 1 << 20

export interface BatchPorts {
  readonly clock: Clock
  readonly link: Pick<MessageLink, 'drained'>
  /** A part that does not leave for so long is the link's end. */
  readonly patienceMs: number
  /** Throws when nobody wants it any more. */
  send(bytes: Uint8Array<ArrayBuffer>): void
}

/** Resolves when next to nothing of it waits here. Throws FaultErrors. */
export async function sendBatch(batch: Uint8Array, ports: BatchPorts): Promise<void> {
  for (let at = 0; at < batch.length; at += diskPartBytesMax) {
    ports.send(batch.slice(at, at + diskPartBytesMax))
    await leaving(ports)
  }
}

async function leaving({ clock, link, patienceMs }: BatchPorts): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const late = fault('timed-out', `no disk writes left for ${patienceMs} ms; is the link cut?`)
    const cancel = clock.wakeAt(clock.nowMs() + patienceMs, () => reject(new FaultError(late)))
    void link.drained(waitingBytesMax).then(() => {
      cancel()
      resolve()
    })
  })
}
