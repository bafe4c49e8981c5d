// Carries out what the desk asks for about layers of disks: merges some into one, gives a VM's disk
// the result, sweeps away what nobody names. A merge is for whoever asked: when that link is lost,
// so is the merge, and what it had written is taken away. Not here: whether it may be done
// (desk.ts), how (layer-merge.ts, layer-sweep.ts, engine/devices/layered-disk.ts).

import type { Clock, Disk, Log } from '#env/env.ts'
import { type Fault, FaultError, fault, faultOf } from '#proto/faults.ts'
import { stoppedFault } from './desk-faults.ts'
import type { DeskEffect } from './desk-state.ts'
import type { HeldVms } from './held-vms.ts'
import { mergeLayers } from './layer-merge.ts'
import { carryOutSweep } from './layer-sweep.ts'
import type { Vmm } from './vmm.ts'

export interface LayerWorkPorts {
  readonly vms: HeldVms
  readonly vmm: Pick<Vmm, 'swapLayers'>
  readonly store: Disk
  readonly clock: Clock
  readonly log: Log
}

type LayerVerb = 'sweep-layers' | 'merge-layers' | 'swap-layers'
type LayerEffect = Extract<DeskEffect, { do: LayerVerb }>
type Merge = Extract<LayerEffect, { do: 'merge-layers' }>['order']

export class LayerWork {
  readonly #ports: LayerWorkPorts
  /** Merges that somebody waits for. */
  readonly #wanted = new Set<Merge>()

  constructor(ports: LayerWorkPorts) {
    this.#ports = ports
  }

  /** Rejects with a FaultError; then nothing of it is left. */
  async carryOut(effect: LayerEffect): Promise<void> {
    const { vms, store, log } = this.#ports
    if (effect.do === 'merge-layers') await this.#merge(effect.order)
    else if (effect.do === 'swap-layers') await this.#swap(effect)
    else await carryOutSweep(effect.order, vms, { store, log })
  }

  /** Nobody waits for their ends any more. */
  stopAll(): void {
    this.#wanted.clear()
  }

  async #merge(order: Merge): Promise<void> {
    const { store, clock, log } = this.#ports
    this.#wanted.add(order)
    const isWanted = () => this.#wanted.has(order)
    try {
      const blocks = await mergeLayers(order, { store, clock, isWanted })
      log.info('layers merged', { vmId: order.vmId, layers: order.layers.length, blocks })
    } finally {
      this.#wanted.delete(order)
    }
  }

  /** Its disk is what it says that it is: before, or after. */
  async #swap({ vm, order }: Extract<LayerEffect, { do: 'swap-layers' }>): Promise<void> {
    const { vmm, vms } = this.#ports
    try {
      await vmm.swapLayers(vm, order.disk)
      vm.disk = order.disk
    } catch (thrown) {
      throw new FaultError(vms.get(vm.vmId) === vm ? notSwapped(thrown) : stoppedFault)
    } finally {
      vm.swapping = false
    }
  }
}

/** A pCPU says in a sentence why it could not. */
function notSwapped(thrown: unknown): Fault {
  const why = faultOf(thrown)
  return why.code === 'internal'
    ? fault('disk-failed', `its disk has kept the layers that it had: ${why.message}`)
    : why
}
