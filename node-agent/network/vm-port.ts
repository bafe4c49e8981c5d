// A VM's port at the switch: hands frames to the guest in batches. What comes while two of them are
// on their way waits for an answer, so that a busy pCPU finds few long messages and not many short
// ones; what waits is bounded. A guest without a driver for its card is not asked again before it
// has sent something: what is for all would otherwise keep every pCPU busy for nothing.
// Not here: the queue inside the guest's device (engine/devices/virtio-net.ts), where frames go
// (switch.ts).

import { commonSegment } from '#proto/ethernet-batch.ts'
import type { HeldVm } from '../held-vms.ts'
import type { PortOwner } from './address-answers.ts'
import { macOfText } from './ethernet.ts'
import type { SwitchPort } from './switch.ts'
import type { Traffic } from './traffic.ts'

/** What became of a batch. */
export interface Delivery {
  readonly taken: number
  readonly hasDriver: boolean
}

/** One is being taken, and one lies ready. */
const batchesMax = 2
/** As many as the guest's device keeps: a longer queue would only make frames late. */
export const waitingFramesMax = 256

export class VmPort implements SwitchPort {
  readonly kind = 'vm'
  readonly name: string
  readonly mac: number
  readonly segment: string
  readonly owner: PortOwner
  readonly #deliver: (frames: readonly Uint8Array[]) => Promise<Delivery>
  readonly #traffic: Traffic
  #waiting: Uint8Array[] = []
  #onTheWay = 0
  #isDeaf = false

  constructor(
    { vmId, identity, spec }: HeldVm,
    deliver: (frames: readonly Uint8Array[]) => Promise<Delivery>,
    traffic: Traffic,
  ) {
    this.name = vmId
    this.mac = macOfText(identity.mac)
    this.segment = typeof spec.network === 'string' ? spec.network : commonSegment
    this.owner = { vmId, mac: identity.mac }
    this.#deliver = deliver
    this.#traffic = traffic
  }

  /** The guest has sent something: it has a driver. */
  wake(): void {
    this.#isDeaf = false
  }

  /** Returns how many are on their way, or wait for it; the others are lost. */
  send(frames: readonly Uint8Array[]): number {
    if (this.#isDeaf) {
      this.#traffic.lost.guest += frames.length
      return frames.length
    }
    const taken = Math.min(frames.length, waitingFramesMax - this.#waiting.length)
    // Copies: what is sent is a view of a message, and would keep all of that alive.
    for (let n = 0; n < taken; n++) this.#waiting.push(new Uint8Array(frames[n] as Uint8Array))
    this.#flush()
    return taken
  }

  #flush(): void {
    if (this.#onTheWay >= batchesMax || this.#waiting.length === 0) return
    const batch = this.#waiting
    this.#waiting = []
    this.#onTheWay++
    this.#deliver(batch).then(
      ({ taken, hasDriver }) => {
        this.#isDeaf = !hasDriver
        this.#settle(batch.length - taken)
      },
      // The VM has gone meanwhile.
      () => this.#settle(batch.length),
    )
  }

  #settle(lost: number): void {
    this.#onTheWay--
    this.#traffic.lost.guest += lost
    this.#flush()
  }
}
