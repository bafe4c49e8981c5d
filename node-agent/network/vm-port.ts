// A VM's port at the switch: hands frames to the guest, a few batches at a time, so that a pCPU
// that is busy is not buried under messages. Not here: the queue inside the guest's device
// (engine/devices/virtio-net.ts), where frames go (switch.ts).

import type { HeldVm } from '../held-vms.ts'
import type { PortOwner } from './address-answers.ts'
import { macOfText } from './ethernet.ts'
import type { SwitchPort } from './switch.ts'
import type { Traffic } from './traffic.ts'

/** More than are looked at in one slice would only wait there. */
const batchesMax = 8
/** As many as the guest's device keeps: what is beyond would be lost there. */
const framesMax = 256

export class VmPort implements SwitchPort {
  readonly kind = 'vm'
  readonly name: string
  readonly mac: number
  readonly owner: PortOwner
  readonly #deliver: (frames: readonly Uint8Array[]) => Promise<number>
  readonly #traffic: Traffic
  #onTheWay = 0

  constructor(
    { vmId, identity }: HeldVm,
    deliver: (frames: readonly Uint8Array[]) => Promise<number>,
    traffic: Traffic,
  ) {
    this.name = vmId
    this.mac = macOfText(identity.mac)
    this.owner = { vmId, mac: identity.mac }
    this.#deliver = deliver
    this.#traffic = traffic
  }

  /** Returns how many are on their way; the others are lost. */
  send(frames: readonly Uint8Array[]): number {
    if (this.#onTheWay >= batchesMax) return 0
    const sent = frames.length > framesMax ? frames.slice(0, framesMax) : frames
    this.#onTheWay++
    this.#deliver(inOneBuffer(sent)).then(
      (taken) => {
        this.#onTheWay--
        this.#traffic.lost.guest += sent.length - taken
      },
      // The VM has gone meanwhile.
      () => {
        this.#onTheWay--
        this.#traffic.lost.guest += sent.length
      },
    )
    return sent.length
  }
}

/** Copies of them: what goes to a thread takes its whole buffer along, with whatever else is in it. */
function inOneBuffer(frames: readonly Uint8Array[]): Uint8Array[] {
  const all = new Uint8Array(frames.reduce((bytes, frame) => bytes + frame.length, 0))
  let at = 0
  return frames.map((frame) => {
    all.set(frame, at)
    at += frame.length
    return all.subarray(at - frame.length, at)
  })
}
