// A pCPU: runs the VMs of one thread in turns, and does to them what the agent commands between two
// turns.
// Not here: the thread itself, its messages and its sleep (node-agent/pcpu-thread.ts); whose turn
// it is (pcpu/turns.ts).
// Units: host ms (monotonic), instructions, shares as weights, caps in percent of one core.
//
// A pCPU declared slower than the machine (`mips`) charges a slice the time it would have taken
// there, and stands still for the rest of it.

import { pageBytes } from '#proto/units.ts'
import type { Core, CoreHooks } from './cpu/core-port.ts'
import type { BlockBackend } from './devices/block-backend.ts'
import { ramGpa } from './devices/memory-map.ts'
import type { HostClock } from './guest-clock.ts'
import { Machine, type MachineEnd, type RunOutcome } from './machine.ts'
import { countPages } from './memory/page-bitmap.ts'
import { type BootCommand, bootStep, isBoot } from './pcpu/booting.ts'
import { swapLayers } from './pcpu/layer-swap.ts'
import {
  isProtection,
  mustHoldNothing,
  type ProtectionCommand,
  protect,
} from './pcpu/protection.ts'
import { ScheduledVm } from './pcpu/scheduled-vm.ts'
import { closeSafely, paused } from './pcpu/standing.ts'
import { Turns } from './pcpu/turns.ts'
import type { PcpuAnswers, PcpuCommand, PcpuEvent, VmConfig } from './vm-config.ts'

/** A disk to be opened: the layers under an epoch. */
export interface DiskToOpen {
  readonly sizeBytes: number
  readonly layers: readonly string[]
  readonly epoch: number
}

export interface PcpuOptions {
  readonly host: HostClock
  readonly makeCore: (config: VmConfig, hooks: CoreHooks) => Core
  /** Throws when the disk cannot be opened, or a newer epoch has it. */
  readonly openDisk: (disk: DiskToOpen) => BlockBackend
  /** The node's lease: host ms until which leased VMs may run. Read before every slice. */
  readonly runUntilMs: () => number
  /** Millions of instructions a second, at most; 0: as fast as the machine can. */
  readonly mips: number
  readonly emit: (event: PcpuEvent) => void
}

type CommandOf<Do extends PcpuCommand['do']> = Extract<PcpuCommand, { do: Do }>
/** Of a VM that is attached. */
type VmCommand = Exclude<PcpuCommand, { do: 'attach' | 'stats' } | BootCommand | ProtectionCommand>

/**
 * How often a pCPU looks whether a lapsed lease was renewed: that is not announced by the doorbell.
 */
const leasePollMs = 5
/**
 * How far a pCPU may run ahead of its declared speed: sleeping for less is not worth the wake-up.
 */
const aheadMsMax = 1
/**
 * A pCPU with nothing to do sleeps at least so long: alarms that are nearer than that to each other
 * are served in one go, so that no number of napping guests wakes it more often than 2,000 times a
 * second. An alarm may be late by that much.
 */
const sleepMsMin = 0.5

export class Pcpu {
  readonly #options: PcpuOptions
  readonly #vms = new Map<string, ScheduledVm>()
  readonly #turns = new Turns()
  /** Until then the declared pCPU is busy with what the real one has done already. */
  #busyUntilMs = 0

  constructor(options: PcpuOptions) {
    this.#options = options
  }

  /**
   * Carries out a command between two slices. An Error is a refusal; its message is for a person.
   */
  handle<C extends PcpuCommand>(command: C): PcpuAnswers[C['do']] | Error {
    try {
      return this.#answer(command) as PcpuAnswers[C['do']]
    } catch (thrown) {
      return thrown instanceof Error ? thrown : new Error(String(thrown))
    }
  }

  /**
   * Runs one slice, if any VM may run. Returns for how many ms there is nothing to do; 0: call
   * again.
   */
  run(): number {
    const nowMs = this.#options.host.nowMs()
    this.#turns.wakeDue(nowMs)
    const aheadMs = this.#busyUntilMs - nowMs
    if (aheadMs > aheadMsMax) return aheadMs
    const vm = this.#turns.next(nowMs < this.#options.runUntilMs())
    if (vm === undefined) return this.#sleepMs(nowMs)
    if (vm.holdIfDue(nowMs)) this.#turns.place(vm)
    else this.#slice(vm, nowMs)
    return 0
  }

  #answer(command: PcpuCommand): unknown {
    if (command.do === 'attach') return this.#attach(command)
    const nowMs = this.#options.host.nowMs()
    if (command.do === 'stats') return this.#stats(nowMs)
    const vm = this.#vms.get(command.vmId)
    if (vm === undefined) throw new Error(`This pCPU has no VM ${command.vmId}: attach it first.`)
    try {
      if (isBoot(command)) return bootStep(vm, command, nowMs)
      if (!isProtection(command)) return this.#command(vm, command, nowMs)
      return protect(vm, command, { nowMs, openDisk: () => this.#openDisk(vm) })
    } finally {
      if (this.#vms.has(command.vmId)) this.#turns.place(vm)
      else this.#turns.leave(vm)
    }
  }

  #command(vm: ScheduledVm, command: VmCommand, nowMs: number): unknown {
    switch (command.do) {
      case 'resume':
        return this.#resume(vm, command.elapsedMs)
      case 'pause':
        return this.#pause(vm)
      case 'detach':
        return this.#detach(vm)
      case 'open-log':
      case 'take-log':
      case 'close-log':
        return this.#answerLog(vm, command)
      case 'capture':
      case 'describe':
        return command.do === 'capture' ? this.#capture(vm, nowMs) : describe(vm)
      case 'restore':
        return this.#restore(vm, command)
      case 'rebrand':
        return paused(vm).machine.rebrand(command.identity)
      case 'change-disk':
      case 'swap-layers':
        return this.#changeLayers(vm, command)
      case 'fork':
        return this.#fork(vm, command)
      case 'unshare':
        return vm.machine.freeze(undefined)
      case 'present':
        return this.#present(vm, command)
      case 'input':
        return this.#input(vm, command)
      case 'balloon':
        return this.#balloon(vm, command)
      case 'frames':
        return this.#receive(vm, command)
      case 'weigh':
        return vm.weigh(command.cpuShares, command.cpuCapPercent, nowMs)
    }
  }

  #attach({ config, start, image }: CommandOf<'attach'>): undefined {
    if (this.#vms.has(config.vmId))
      throw new Error(`VM ${config.vmId} is attached already: detach it first.`)
    const { host, makeCore } = this.#options
    const machine = new Machine({ config, host, makeCore: (hooks) => makeCore(config, hooks) })
    if (start === 'boot') {
      if (image === undefined)
        throw new Error(`VM ${config.vmId} is to boot, but no image came with it.`)
      machine.boot(image)
    }
    const vm = new ScheduledVm(config, machine, host.nowMs())
    this.#turns.begin(vm)
    this.#vms.set(config.vmId, vm)
  }

  #resume(vm: ScheduledVm, elapsedMs = 0): undefined {
    if (vm.state.is === 'stopped')
      throw new Error(`VM ${vm.config.vmId} has ended: ${vm.state.end.detail}`)
    if (vm.state.is !== 'paused') return
    this.#openDisk(vm)
    vm.becomeRunning(this.#options.host.nowMs(), elapsedMs)
  }

  /** If it has one that is not open. */
  #openDisk(vm: ScheduledVm): void {
    const { disk, epoch } = vm.config
    if (disk === undefined || !vm.machine.needsDisk) return
    vm.machine.connectDisk(vm.disk.opened(this.#options.openDisk({ ...disk, epoch })))
  }

  /** The VM is between two slices, so that it retires nothing more. */
  #pause(vm: ScheduledVm): undefined {
    if (vm.state.is !== 'stopped') vm.becomePaused(this.#options.host.nowMs())
  }

  #detach(vm: ScheduledVm): undefined {
    this.#vms.delete(vm.config.vmId)
    vm.machine.close()
  }

  #answerLog(vm: ScheduledVm, command: CommandOf<'open-log' | 'take-log' | 'close-log'>): unknown {
    if (command.do === 'open-log') return { log: vm.machine.openLog() }
    if (command.do === 'take-log') return this.#takeLog(vm, command)
    return vm.machine.closeLog(command.log)
  }

  #takeLog(vm: ScheduledVm, command: CommandOf<'take-log'>): PcpuAnswers['take-log'] {
    const stoppedAtMs = this.#options.host.nowMs()
    if (command.pause) this.#pause(vm)
    const bitmap = vm.machine.takeLog(command.log)
    return { bitmap, pages: countPages(bitmap), ...(command.pause ? { stoppedAtMs } : {}) }
  }

  #capture(vm: ScheduledVm, nowMs: number): PcpuAnswers['capture'] {
    const sections = paused(vm).machine.capture()
    return { sections, tookMs: this.#options.host.nowMs() - nowMs }
  }

  #restore(vm: ScheduledVm, { sections }: CommandOf<'restore'>): undefined {
    paused(vm).machine.restore(sections)
  }

  #changeLayers(vm: ScheduledVm, command: CommandOf<'change-disk' | 'swap-layers'>): undefined {
    if (command.do === 'change-disk') this.#changeDisk(vm, command)
    else swapLayers(vm, command.layers, this.#options.openDisk)
  }

  #changeDisk(vm: ScheduledVm, { layers, epoch, isMade }: CommandOf<'change-disk'>): undefined {
    const { disk, vmId } = paused(vm).config
    if (disk === undefined) throw new Error(`VM ${vmId} has no disk to change.`)
    mustHoldNothing(vm)
    // A layer that is sealed before the VM ever went on over it must be there all the same.
    const isSealed = layers.at(-1) !== disk.layers.at(-1)
    if (isSealed && vm.machine.needsDisk)
      this.#options.openDisk({ ...disk, epoch: vm.config.epoch }).close()
    if (isMade) this.#options.openDisk({ ...disk, layers, epoch }).close()
    vm.machine.releaseDisk()
    vm.config = { ...vm.config, disk: { ...disk, layers }, epoch }
  }

  /** Whatever of it fails, the VM goes on if it ran, on the disk that it had. */
  #fork(vm: ScheduledVm, { image, disk }: CommandOf<'fork'>): PcpuAnswers['fork'] {
    mustHoldNothing(vm)
    const { host } = this.#options
    const { config } = vm
    const startMs = host.nowMs()
    const isPaused = vm.state.is === 'paused'
    this.#pause(vm)
    try {
      const sections = paused(vm).machine.capture()
      vm.machine.freeze(image)
      const change = { do: 'change-disk', vmId: config.vmId, isMade: isPaused } as const
      if (disk) this.#changeDisk(vm, { ...change, ...disk })
      const pausedMs = host.nowMs() - startMs
      if (!isPaused) this.#resume(vm)
      return { sections, pausedMs }
    } catch (thrown) {
      vm.config = config
      if (!isPaused) this.#resume(vm)
      throw thrown
    }
  }

  #present(vm: ScheduledVm, { pages }: CommandOf<'present'>): undefined {
    vm.wakeForPages(pages, this.#options.host.nowMs())
  }

  #input(vm: ScheduledVm, { to, offset, bytes }: CommandOf<'input'>): PcpuAnswers['input'] {
    vm.wakeForEvent(this.#options.host.nowMs())
    return { accepted: vm.machine.input(offset, bytes, to) }
  }

  #stats(nowMs: number): PcpuAnswers['stats'] {
    const vms = [...this.#vms.values()]
    for (const vm of vms) {
      vm.refreshMemoryUse(nowMs)
      this.#endIfHung(vm, nowMs)
      this.#turns.place(vm)
    }
    return { vms: vms.map((vm) => vm.stats(nowMs)) }
  }

  /** Not of a VM that stands still: its state may be on its way to another node. */
  #balloon(vm: ScheduledVm, { targetPages }: CommandOf<'balloon'>): PcpuAnswers['balloon'] {
    if (vm.state.is === 'paused' || vm.state.is === 'stopped')
      throw new Error(`VM ${vm.config.vmId} is ${vm.state.is}: its balloon moves while it runs.`)
    const { balloon } = vm.machine
    vm.wakeForEvent(this.#options.host.nowMs())
    balloon.targetPages = targetPages
    return { actualPages: balloon.actualPages }
  }

  /** A VM that stands still gets none: its RAM may be on its way to another node. */
  #receive(vm: ScheduledVm, { frames }: CommandOf<'frames'>): PcpuAnswers['frames'] {
    const { net } = vm.machine
    const hasDriver = net?.hasDriver ?? false
    const standsStill = vm.state.is === 'paused' || vm.state.is === 'stopped'
    if (!net || !hasDriver || standsStill) return { taken: 0, hasDriver }
    vm.wakeForEvent(this.#options.host.nowMs())
    return { taken: net.receive(frames), hasDriver }
  }

  #slice(vm: ScheduledVm, startMs: number): void {
    const { host, mips } = this.#options
    vm.tellStolen(startMs)
    const before = vm.machine.retired
    const lengthMs = vm.sliceMs(startMs)
    const outcome = runSafely(vm, vm.sliceLength.budget(mips, lengthMs), startMs + lengthMs)
    const nowMs = host.nowMs()
    const instructions = vm.machine.retired - before
    const measuredMs = nowMs - startMs
    vm.sliceLength.measured(instructions, measuredMs)
    const declaredMs = mips > 0 ? instructions / (mips * 1000) : 0
    this.#busyUntilMs = Math.max(this.#busyUntilMs, startMs) + Math.max(measuredMs, declaredMs)
    vm.charge(Math.max(measuredMs, declaredMs), nowMs)
    this.#tell(vm, nowMs)
    this.#settle(vm, outcome, nowMs)
    this.#turns.place(vm)
  }

  /** What the guest wrote in this slice, in one piece; and that there is room for input again. */
  #tell(vm: ScheduledVm, nowMs: number): void {
    const { vmId } = vm.config
    const output = vm.machine.takeOutput()
    if (output !== undefined) {
      vm.wrote(output.bytes.length, nowMs)
      this.#options.emit({ on: 'output', vmId, ...output })
    }
    const { net } = vm.machine
    const frames = net?.takeFrames()
    if (net && frames) {
      vm.sent(frames, nowMs)
      this.#options.emit({ on: 'frames', vmId, frames, lost: net.takeLost() })
    }
    const offset = vm.machine.takeInputRoom()
    if (offset !== undefined) this.#options.emit({ on: 'accepted', vmId, offset })
    const bytes = vm.disk.takeAlert()
    if (bytes !== undefined) this.#options.emit({ on: 'held', vmId, bytes })
  }

  #settle(vm: ScheduledVm, outcome: RunOutcome, nowMs: number): void {
    if (outcome.kind === 'ran') vm.stayReady(nowMs)
    else if (outcome.kind === 'idle') vm.becomeIdle(outcome.untilTicks, nowMs)
    else if (outcome.kind === 'stopped') this.#end(vm, outcome.end, nowMs)
    else if (outcome.kind === 'reset') this.#awaitReboot(vm, nowMs)
    else this.#await(vm, outcome.gpa, nowMs)
  }

  #await(vm: ScheduledVm, gpa: number, nowMs: number): void {
    const page = Math.floor((gpa - ramGpa) / pageBytes)
    vm.becomeWaiting(page, nowMs)
    this.#options.emit({ on: 'absent', vmId: vm.config.vmId, page })
  }

  #awaitReboot(vm: ScheduledVm, nowMs: number): void {
    vm.becomeReset(nowMs)
    this.#options.emit({ on: 'reset', vmId: vm.config.vmId })
  }

  #end(vm: ScheduledVm, end: MachineEnd, nowMs: number): void {
    vm.becomeStopped(end, nowMs)
    // What is held is neither written nor lost before `release-disk` or `detach`.
    if (!vm.disk.isHolding) closeSafely(vm)
    this.#options.emit({ on: 'stopped', vmId: vm.config.vmId, ...end })
  }

  #endIfHung(vm: ScheduledVm, nowMs: number): void {
    const detail = vm.hung(nowMs)
    if (detail === undefined) return
    vm.wakeForEvent(nowMs)
    if (vm.state.is === 'runnable') this.#end(vm, { reason: 'crashed', detail }, nowMs)
  }

  #sleepMs(nowMs: number): number {
    const alarmInMs = Math.max(sleepMsMin, this.#turns.alarmMs - nowMs)
    return this.#turns.awaitsLease ? Math.min(leasePollMs, alarmInMs) : alarmInMs
  }
}

const describe = ({ machine }: ScheduledVm) => ({ sections: machine.describe() })

/** A machine that throws has met a bug of ours: it alone is lost, not the pCPU. */
function runSafely(vm: ScheduledVm, budget: number, untilMs: number): RunOutcome {
  try {
    return vm.machine.run(budget, untilMs)
  } catch (thrown) {
    const detail = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
    return { kind: 'stopped', end: { reason: 'crashed', detail: `The machine failed: ${detail}` } }
  }
}
