// Deeds of a search that look for whom they mean, since chance would find them once in a hundred
// runs: who merges layers, and who runs a store whose standby is ready. Not here: deeds that mean
// anybody (fault-run.ts), faults that wait for a message (strikes.ts). Virtual ms.

import type { ClusterState } from '#coordinator/core/cluster-state.ts'
import type { ApiCommand } from '#coordinator/core/step-context.ts'
import type { Breakage } from './breakage.ts'
import { isStore } from './customers.ts'
import { pick, whoMerges } from './fault-aims.ts'

const backAfterMs = 3000

export interface AimedPorts {
  state(): ClusterState
  ask(command: ApiCommand): boolean
  later(fn: () => void, ms: number): void
  /** Of the coordinator. */
  leader(): string
}

export class AimedDeeds {
  readonly #breakage: Breakage
  readonly #ports: AimedPorts

  constructor(breakage: Breakage, ports: AimedPorts) {
    this.#breakage = breakage
    this.#ports = ports
  }

  /** Who merges, or now and then the coordinator, dies a moment later. */
  strikeMerge(one: number, other: number): void {
    const merging = pick(whoMerges(this.#ports.state()), one)
    const name = other % 5 === 0 ? this.#ports.leader() : merging
    const strike = () => this.#breakage.kill(name ?? '')
    if (merging !== undefined) this.#ports.later(strike, 1 + (other % 60))
  }

  /** A store has a standby from now on. */
  keepStore(one: number, other: number): void {
    const store = pick(this.#stores, one)
    if (!store) return
    const change = { protection: 'continuous', checkpointMs: other % 2 === 0 ? 25 : 100 } as const
    this.#ports.ask({ do: 'set-policy', vmId: store.id, change })
  }

  /** Who runs a store whose standby is ready dies, and comes back some seconds later. */
  strikeStore(one: number): void {
    const ready = this.#stores.filter(({ replica }) => replica?.phase === 'ready')
    const { nodeId } = pick(ready, one) ?? {}
    if (nodeId === undefined) return
    this.#breakage.kill(nodeId)
    this.#ports.later(() => this.#breakage.revive(nodeId), backAfterMs)
  }

  get #stores() {
    return [...this.#ports.state().vms.values()].filter(isStore)
  }
}
