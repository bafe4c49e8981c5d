// One trunk: a link to another node that carries Ethernet frames both ways, and may lose them. It
// does not mind which end has connected.
// Not here: which nodes there are and when to connect (trunks.ts), where frames go (switch.ts).
// Bytes; times in ms.
//
// TCP below it would deliver everything, late: a backlog is therefore cut off here, as a network
// does, and the guests' own protocols see a loss and slow down. A trunk on which nothing is heard
// for a while is given up, whatever the operating system still believes.

import type { Clock } from '#env/env.ts'
import { commonSegment, decodeBatch, encodeBatches } from '#proto/ethernet-batch.ts'
import type { Fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import { segmentVersion } from '#proto/units.ts'
import type { MessageLink } from '#proto/wire.ts'
import type { SwitchPort } from './switch.ts'

/** At 1 Gbit/s this takes 8 ms; TCP between guests has slowed down long before. */
export const backlogBytesMax = 1 << 20
/** How often an idle trunk says that it lives. */
export const signOfLifeMs = 1000
/** Three signs of life, and some: a busy machine may be late. */
export const silenceMsMax = 3500

export interface TrunkPorts {
  readonly clock: Clock
  frames(trunk: Trunk, frames: readonly Uint8Array[], segment: string): void
}

export class Trunk implements SwitchPort {
  readonly kind = 'trunk'
  /** The other node. */
  readonly name: NodeId
  readonly link: MessageLink
  /** The other end is older than segments: it gets nothing of them. */
  readonly isPlain: boolean
  readonly #ports: TrunkPorts
  #heardAtMs: number
  #sentAtMs: number
  #isUp = true

  /** @param version which protocol the other end speaks. */
  constructor(name: NodeId, link: MessageLink, version: number, ports: TrunkPorts) {
    this.name = name
    this.link = link
    this.isPlain = version < segmentVersion
    this.#ports = ports
    this.#heardAtMs = ports.clock.nowMs()
    this.#sentAtMs = this.#heardAtMs
  }

  get isUp(): boolean {
    return this.#isUp
  }

  get isSilent(): boolean {
    return this.#ports.clock.nowMs() - this.#heardAtMs > silenceMsMax
  }

  /** Says that this end lives, unless frames have said it. */
  signIfDue(): void {
    if (this.#ports.clock.nowMs() - this.#sentAtMs >= signOfLifeMs) this.send([])
  }

  /** Returns how many were sent; the others are lost. All of them are of that segment. */
  send(frames: readonly Uint8Array[], segment: string = commonSegment): number {
    if (this.isPlain && segment !== commonSegment) return 0
    if (!this.#isUp || this.link.bufferedBytes > backlogBytesMax) return 0
    this.#sentAtMs = this.#ports.clock.nowMs()
    for (const message of encodeBatches(frames, segment)) this.link.send(message)
    return frames.length
  }

  /** A binary message of the other end, kind byte removed, or the fault in it. */
  receive(bytes: Uint8Array): Fault | undefined {
    if (!this.#isUp) return undefined
    this.#heardAtMs = this.#ports.clock.nowMs()
    const batch = decodeBatch(bytes)
    if ('fault' in batch) return batch.fault
    if (batch.frames.length > 0) this.#ports.frames(this, batch.frames, batch.segment)
    return undefined
  }

  /** Nothing comes out of it from now on, and nothing goes in. */
  close(reason: string): void {
    this.#isUp = false
    this.link.close(reason)
  }
}
