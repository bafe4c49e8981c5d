// What a VM of a scenario is in this world: a real guest, or a model. One that has a model and runs
// where guests do is the guest that does most nearly the same. Pure.

import type { VmSpec } from '#proto/vm-spec.ts'
import { specOf, type VmPart } from '../language/cluster.ts'
import { meanLoad, modelOf, nearestGuest } from '../language/model.ts'
import type { Scenario } from '../schema.ts'
import { readTraces, type Trace } from '../sim/models/traces.ts'
import { modelled } from '../sim/models/vm-model.ts'
import type { World } from '../world.ts'

export class VmSpecs {
  readonly traces: ReadonlyMap<string, Trace>
  /** In this world its VMs are models. */
  readonly areModels: boolean
  readonly #scenario: Scenario
  readonly #lines: readonly string[]

  /** @param traceText of the file that the scenario names. Throws a FaultError when it is none. */
  constructor(scenario: Scenario, { mayModel = false }: Pick<World, 'mayModel'>, traceText = '') {
    this.#scenario = scenario
    this.traces = readTraces(traceText)
    this.#lines = [...this.traces.keys()]
    this.areModels = mayModel && scenario.vms.some(({ model }) => model !== undefined)
  }

  of(vm: VmPart): VmSpec {
    const { model } = vm
    if (!model) return specOf(vm)
    const trace = this.#traceOf(vm)
    if (this.areModels) return { ...specOf(vm), ...modelled(modelOf(model, trace)) }
    const percent = meanLoad(model, () => meanOf(this.traces.get(trace)))
    return { ...specOf(vm), args: nearestGuest(model, percent) }
  }

  /** The line that is named, or the one whose turn it is. */
  #traceOf(vm: VmPart): string {
    const wanted = traceWanted(vm)
    if (wanted !== 'next') return wanted ?? ''
    const turns = this.#scenario.vms.filter((other) => traceWanted(other) === 'next')
    return this.#lines[turns.indexOf(vm) % this.#lines.length] ?? ''
  }
}

function traceWanted({ model }: VmPart): string | undefined {
  return typeof model?.load === 'object' && 'trace' in model.load ? model.load.trace : undefined
}

const meanOf = (trace: Trace | undefined): number =>
  trace ? trace.percents.reduce((sum, percent) => sum + percent, 0) / trace.percents.length : 0
