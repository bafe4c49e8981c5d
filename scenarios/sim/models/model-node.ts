// A node of the simulated world whose VMs are models: an agent without guests, as a process that
// can be killed, hung and started again. Not here: the agent (model-agent.ts). Sizes in MiB.

import type { Log, Random } from '#env/env.ts'
import type { HeldVm } from '#node-agent/held-vms.ts'
import { asNodeId, type VmId } from '#proto/ids.ts'
import type { VmReport } from '#proto/messages.ts'
import type { SimNetwork } from '../sim-network.ts'
import type { NodeTraits } from '../sim-node.ts'
import type { SimProcess } from '../sim-process.ts'
import { ModelAgent } from './model-agent.ts'
import type { Trace } from './traces.ts'

export interface ModelNodeOptions extends NodeTraits {
  readonly network: SimNetwork
  readonly random: Random
  readonly log: Log
  /** Addresses. */
  readonly coordinators: readonly string[]
  readonly listen: string
  readonly token: string
  readonly traces: ReadonlyMap<string, Trace>
  begins(vm: HeldVm): void
  ends(vm: HeldVm): void
  /** It has hung, and these execute now. */
  goesOn(vms: Iterable<HeldVm>): void
}

export class ModelNode {
  readonly process: SimProcess
  readonly #agent: ModelAgent

  constructor(process: SimProcess, incarnation: string, options: ModelNodeOptions) {
    const { network, random, log, cores, mips, memoryMib, traces, begins, ends } = options
    const { name } = process
    this.process = process
    this.#agent = new ModelAgent({
      ...{ nodeId: asNodeId(name), incarnation, token: options.token, traces, begins, ends },
      ...{ coordinators: options.coordinators, listen: options.listen },
      capacity: { cores, mipsPerCore: mips, memoryMib },
      env: {
        ...{ clock: process, random, log: log.child({ node: name }) },
        transport: network.transportOf(process),
      },
      replaced: () => process.kill(),
    })
    // What runs ends with its process.
    process.onDeath(() => {
      for (const vm of this.#agent.executing) ends(vm)
    })
    process.onGoOn(() => options.goesOn(this.#agent.executing))
    process.do(() => void this.#agent.start())
  }

  /** VMs that are here, running or not. */
  get machines(): readonly HeldVm[] {
    if (!this.process.isAlive) return []
    return [...this.#agent.models.all].map(({ vm }) => vm)
  }

  get copies(): VmReport[] {
    return this.#agent.copies
  }

  get holdings() {
    return this.#agent.holdings
  }

  /** A guest that panics, if it runs here and now. */
  crash(vmId: VmId): void {
    if (this.process.isAlive && !this.process.isHanging) this.#agent.crash(vmId)
  }

  /** SIGTERM. Resolves when it has left in good order. */
  async stop(): Promise<void> {
    await this.#agent.leave()
    this.process.kill()
  }
}
