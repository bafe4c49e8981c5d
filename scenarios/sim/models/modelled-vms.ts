// The modelled VMs of one node: how much of the CPU each asks for and gets, and how far it has come
// with its writing. Between two steps of their loads nothing changes, so that what they are worth
// is reckoned when somebody asks, and the same word is given until then. Not here: what a VM is
// asked to do (model-agent.ts). Percent of one core, ms of the world's clock.

import type { HeldVm } from '#node-agent/held-vms.ts'
import { type Fault, FaultError } from '#proto/faults.ts'
import type { VmLoad } from '#proto/messages.ts'
import { pageBytes } from '#proto/units.ts'
import { curveOf, distinctPages, markWritten } from './dirty-sets.ts'
import { isStairs, type LoadStairs, loadStairs } from './load-stairs.ts'
import { shareOut } from './share-out.ts'
import type { Trace } from './traces.ts'
import { contentPages, isModel, readModel, type VmModel } from './vm-model.ts'

export interface ModelledVm {
  readonly vm: HeldVm
  readonly model: VmModel
  readonly stairs: LoadStairs
  isRunning: boolean
  /** Of a core, at most: its cap, or less while a migration slows it down. */
  capPercent: number
  /** The part of what it asks for that it gets; 0: it stands still. */
  speed: number
  /** How long it would have run at full speed to come where it was at `sinceMs`. */
  ranMs: number
  sinceMs: number
  load: VmLoad | undefined
}

export interface NodeSpeed {
  readonly cores: number
  /** Of every core. */
  readonly mips: number
}

export class ModelledVms {
  readonly #node: NodeSpeed
  readonly #traces: ReadonlyMap<string, Trace>
  readonly #vms = new Map<HeldVm, ModelledVm>()
  /** Until when all is as it was reckoned last. */
  #trueUntilMs = Number.NEGATIVE_INFINITY
  demandPercent = 0
  gotPercent = 0

  constructor(node: NodeSpeed, traces: ReadonlyMap<string, Trace>) {
    this.#node = node
    this.#traces = traces
  }

  get(vm: HeldVm): ModelledVm | undefined {
    return this.#vms.get(vm)
  }

  get all(): Iterable<ModelledVm> {
    return this.#vms.values()
  }

  /** A VM that stands still. Throws a FaultError when it is no model, or of nothing here. */
  add(vm: HeldVm, ranMs = 0): ModelledVm {
    const model = good(readModel(vm.spec), isModel)
    const stairs = good(loadStairs(model.load, this.#traces, ownPhase(vm)), isStairs)
    const one: ModelledVm = {
      ...{ vm, model, stairs, ranMs, isRunning: false, speed: 0, sinceMs: 0, load: undefined },
      capPercent: vm.spec.cpuCapPercent,
    }
    this.#vms.set(vm, one)
    return one
  }

  run(one: ModelledVm, nowMs: number): void {
    one.isRunning = true
    this.#changed(nowMs)
  }

  halt(one: ModelledVm, nowMs: number): void {
    one.isRunning = false
    this.#changed(nowMs)
  }

  throttle(one: ModelledVm, percent: number, nowMs: number): void {
    one.capPercent = percent
    this.#changed(nowMs)
  }

  remove(vm: HeldVm, nowMs: number): void {
    if (this.#vms.delete(vm)) this.#changed(nowMs)
  }

  /** Reckons anew if anything may have changed. @returns whether it has */
  lookAt(nowMs: number): boolean {
    if (nowMs < this.#trueUntilMs) return false
    this.#reckon(nowMs)
    return true
  }

  loadOf(vm: HeldVm): VmLoad | undefined {
    return this.#vms.get(vm)?.load
  }

  /** Its running time, at full speed. */
  ranMs(one: ModelledVm, nowMs: number): number {
    this.lookAt(nowMs)
    return one.ranMs + one.speed * (nowMs - one.sinceMs)
  }

  /** Marks what it has written since then. @returns how many pages, and how far it is now */
  logSince(one: ModelledVm, fromMs: number, bitmap: Uint8Array, nowMs: number) {
    const toMs = this.ranMs(one, nowMs)
    return { pages: markWritten(one.model, { fromMs, toMs }, bitmap), toMs }
  }

  #changed(nowMs: number): void {
    this.#reckon(nowMs)
  }

  #reckon(nowMs: number): void {
    const { cores, mips } = this.#node
    const running = [...this.#vms.values()].filter(({ isRunning }) => isRunning)
    const asking = running.map((one) => {
      const ofCore = mips > 0 ? (one.model.mips ?? mips) / mips : 1
      const percent = Math.min(100, one.stairs.percentAt(nowMs) * ofCore)
      return { percent, shares: one.vm.spec.cpuShares }
    })
    const capped = asking.map(({ percent, shares }, at) => {
      return { percent: Math.min(percent, running[at]?.capPercent ?? 100), shares }
    })
    const got = shareOut(capped, cores * 100)
    for (const one of this.#vms.values()) if (!one.isRunning) move(one, nowMs, 0)
    ;[this.demandPercent, this.gotPercent] = [0, 0]
    this.#trueUntilMs = Number.POSITIVE_INFINITY
    for (const [at, one] of running.entries()) {
      const demand = asking[at]?.percent ?? 0
      const gets = got[at] ?? 0
      move(one, nowMs, demand > 0 ? gets / demand : 1)
      one.load = loadOf(one, demand, gets, mips)
      this.demandPercent += demand
      this.gotPercent += gets
      this.#trueUntilMs = Math.min(this.#trueUntilMs, one.stairs.stepAfter(nowMs))
    }
  }
}

/** It has run until now as fast as it did, and goes on as fast as that. */
function move(one: ModelledVm, nowMs: number, speed: number): void {
  one.ranMs += one.speed * (nowMs - one.sinceMs)
  one.sinceMs = nowMs
  one.speed = speed
}

function loadOf(one: ModelledVm, demand: number, got: number, mips: number): VmLoad {
  const { model, speed, load } = one
  const isSame = load?.cpuDemandPercent === demand && load.cpuGotPercent === got
  if (load && isSame) return load
  return {
    cpuDemandPercent: demand,
    cpuGotPercent: got,
    mips: (mips * got) / 100,
    touchedBytes: contentPages(model) * pageBytes,
    dirtyPagesPerSec: distinctPages(model, 1000 * speed),
    dirtyCurve: curveOf(model, speed),
  }
}

function good<Made, Bad extends Fault>(made: Made | Bad, isIt: (made: Made | Bad) => made is Made) {
  if (isIt(made)) return made
  throw new FaultError(made as Bad)
}

/** 0 to 1, of its own for each VM, and the same wherever it is. */
const ownPhase = ({ identity }: HeldVm): number =>
  Number.parseInt(identity.randomSeed.slice(0, 8), 16) / 2 ** 32
