// One VM on its pCPU's thread: a hart with its RAM, a board of devices, and time. It runs for as
// long as it is told.
// Not here: when and for how long it runs (pcpu.ts), RAM as the agent has it (memory/), networks.
// Units: ticks of 10 MHz guest time, instructions as the core retires them, GPAs in bytes.
//
// A machine that came to `wfi` waits: run() does nothing until an interrupt or an alarm is there.
// That it waits is part of its state, so that a copy goes on exactly as the original does, however
// often run() is called.

import { invariant } from '#proto/invariant.ts'
import { type Alarms, instructionsUntilAlarm, nextAlarmTicks, nsPerTick } from './alarms.ts'
import { type Board, makeBoard } from './board.ts'
import type { BootImage } from './boot-layout.ts'
import { type BootPiece, isLong, planBoot } from './boot-plan.ts'
import { type Core, type CoreHooks, Exit, type PreservedPages } from './cpu/core-port.ts'
import type { BlockBackend } from './devices/block-backend.ts'
import type { ConsoleOutput } from './devices/console-line.ts'
import type { GuestEnd } from './devices/finisher.ts'
import { ramGpa, ticksPerMs } from './devices/memory-map.ts'
import type { MmioBus } from './devices/mmio.ts'
import type { VirtioBalloon } from './devices/virtio-balloon.ts'
import type { VirtioNet } from './devices/virtio-net.ts'
import { GuestClock, type HostClock } from './guest-clock.ts'
import type { SbiPorts } from './sbi/call.ts'
import { answerSbi } from './sbi/sbi.ts'
import { boardPart, hartPart, type Standstill } from './snapshots/machine-parts.ts'
import { captureSections, restoreSections, type Snapshotted } from './snapshots/vm-sections.ts'
import type { Identity, Section, VmConfig } from './vm-config.ts'

/** Why a VM has run for the last time. */
export interface MachineEnd {
  readonly reason: Exclude<GuestEnd['reason'], 'reboot'> | 'disk-failed'
  /** One sentence for a person. */
  readonly detail: string
}

/** What a slice came to. */
export type RunOutcome =
  /** The budget is used up; there is more to do. */
  | { readonly kind: 'ran' }
  /** Nothing to do before that tick, or before input; Infinity: no alarm is set. */
  | { readonly kind: 'idle'; readonly untilTicks: number }
  /** Nothing can be done before the page at this GPA has been brought. */
  | { readonly kind: 'absent'; readonly gpa: number }
  /** The guest has reset itself, and waits to be booted again. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'stopped'; readonly end: MachineEnd }

export interface MachineOptions {
  readonly config: VmConfig
  readonly host: HostClock
  /** Makes the hart on the VM's memory, with these hooks for what is outside RAM. */
  readonly makeCore: (hooks: CoreHooks) => Core
}

/**
 * Guest wall time under clock `instructions` begins at 2025-01-01T00:00:00Z, so that every run is
 * the same.
 */
const instructionEpochNs = 1_735_689_600_000_000_000n
/** A slice, which is about a millisecond, is looked at so often, and short ones not at all. */
const looksPerSlice = 4
const instructionsPerLookMin = 20_000
/** A device access takes as long as hundreds of instructions; so many, a hundredth of a slice. */
const accessesPerLook = 32
/** A run ends when the guest has written so much to its console: nothing grows without bound. */
const untakenOutputBytesMax = 16 * 1024

export class Machine {
  /** Absent without a network. */
  readonly net: VirtioNet | undefined
  readonly balloon: VirtioBalloon
  readonly #config: VmConfig
  readonly #core: Core
  readonly #board: Board
  readonly #clock: GuestClock
  readonly #sbi: SbiPorts
  readonly #host: HostClock
  readonly #parts: readonly Snapshotted[]
  #running = false
  readonly #standstill: Standstill = { waiting: false, callOpen: false, rebooting: false }
  readonly #external = { S: false, M: false }
  /** The absent page that a device or the SBI needs: before it is here nothing retires. */
  #awaitedGpa: number | undefined
  /** Device accesses so far: every few of them the run loop gets a look at the clock. */
  #accesses = 0
  #end: MachineEnd | undefined
  /** Loaded as soon as the pages that it goes to have come. */
  #rebootImage: BootImage | undefined

  constructor({ config, host, makeCore }: MachineOptions) {
    this.#config = config
    this.#host = host
    this.#clock = new GuestClock(host)
    const end = (how: MachineEnd | GuestEnd) => this.#stop(how)
    this.#board = makeBoard(config, {
      core: () => this.#core,
      ticks: () => this.ticks,
      wallNs: () => this.#wallNs(host),
      externalInterrupt: (level) => this.#driveExternal('S', level),
      machineExternalInterrupt: (level) => this.#driveExternal('M', level),
      alarmSet: () => this.#lookAgain(),
      served: () => this.#lookAgain(),
      awaitsPage: (gpa) => {
        this.#awaitedGpa = gpa
      },
      end,
      diskFailed: (cause) => end({ reason: 'disk-failed', detail: wordsOf(cause) }),
    })
    this.#core = makeCore({
      mmioRead: (gpa, size) => this.#countedBus().read(gpa, size),
      mmioWrite: (gpa, size, value) => this.#countedBus().write(gpa, size, value),
      timeTicks: () => this.#clock.ticks(),
    })
    this.net = this.#board.net
    this.balloon = this.#board.balloon
    this.#board.holdInput()
    const { console, stealTime, watchdog } = this.#board
    const [ticks, lookAgain] = [() => this.ticks, () => this.#lookAgain()]
    this.#sbi = { core: this.#core, console, stealTime, watchdog, ticks, lookAgain, end }
    const time = { ticks: () => this.ticks, set: (ticks: number) => this.#clock.set(ticks) }
    const ownParts = [hartPart(() => this.#core), boardPart(config, this.#standstill, time)]
    this.#parts = [...ownParts, ...this.#board.parts]
  }

  /**
   * Puts the image and the device tree into RAM, and the hart before its first instruction. Throws
   * a BootError for a person when that cannot be. @param isLoaded its long segments are in RAM
   */
  boot(image: BootImage, isLoaded = false): void {
    const { segments, entry, treeGpa, htif } = planBoot(image, this.#config)
    for (const each of segments) if (!isLoaded || !isLong(each)) this.load(each)
    this.#core.reset({ pc: BigInt(entry.gpa), a0: 0n, a1: BigInt(treeGpa), mode: entry.mode })
    this.#core.setX(12, BigInt(entry.a2))
    this.#board.htif?.watch(htif)
  }

  /**
   * Boots a guest that has reset itself: with RAM and devices as after power-on, and the same
   * console line. It may have to wait for pages first that have not come yet: run() says so.
   */
  reboot(image: BootImage): void {
    invariant(this.#standstill.rebooting, 'A machine that did not reset itself was booted again')
    this.#rebootImage = image
    const absent = planBoot(image, this.#config).segments.find(({ gpa, bytes }) =>
      this.#core.absentIn(gpa, bytes.length),
    )
    if (absent) return
    this.#core.release([{ gpa: ramGpa, bytes: this.#config.ramBytes }])
    this.#board.reset()
    Object.assign(this.#standstill, { waiting: false, callOpen: false, rebooting: false })
    this.#awaitedGpa = undefined
    this.#rebootImage = undefined
    this.boot(image)
  }

  /** Guest time now. */
  get ticks(): number {
    return this.#config.clock === 'real' ? this.#clock.ticks() : this.#core.ticks
  }

  /** Instructions retired since boot, here and wherever the VM was before. */
  get retired(): number {
    return this.#core.retired
  }

  get end(): MachineEnd | undefined {
    return this.#end
  }

  /** Guest time goes on (clock `real`), by so much later; run() may be called. */
  resume(elapsedMs = 0): void {
    const before = this.ticks
    if (elapsedMs > 0) this.#clock.set(this.#clock.ticks() + Math.floor(elapsedMs * ticksPerMs))
    this.#board.watchdog.postpone(this.ticks - before)
    this.#clock.start()
    this.#running = true
    this.#board.goOnWithInput()
  }

  /** Guest time stands still, and no instruction retires before resume(). */
  pause(): void {
    this.#clock.stop()
    this.#running = false
    this.#board.holdInput()
  }

  /**
   * Runs until there is nothing to do, but retires at most `budget` instructions. What costs more
   * than it was thought to (devices, SBI calls, fences) ends the run soon after `untilMs` of host
   * time.
   */
  run(budget: number, untilMs = Infinity): RunOutcome {
    invariant(this.#running, 'A paused machine was told to run')
    if (this.#standstill.rebooting) return this.#awaitReboot()
    this.#finishAwaited()
    if (this.#awaitedGpa !== undefined) return { kind: 'absent', gpa: this.#awaitedGpa }
    if (this.#board.isUnserved()) return { kind: 'ran' }
    if (this.#standstill.waiting && !this.#wakes())
      return { kind: 'idle', untilTicks: nextAlarmTicks(this.#alarms) }
    this.#standstill.waiting = false
    const perLook = Math.max(instructionsPerLookMin, Math.ceil(budget / looksPerSlice))
    for (let left = budget; left > 0 && this.#end === undefined; ) {
      const granted = Math.min(left, this.#untilAlarm(), perLook)
      const before = this.#core.retired
      const exit = this.#core.run(granted)
      // Traps use up what was granted though nothing retires. Any other exit costs at least one, so
      // that a guest that only makes SBI calls leaves its slice too.
      left -= exit === Exit.budget ? granted : Math.max(1, this.#core.retired - before)
      const alarmed = this.#board.rtc.tick()
      this.#minds()
      if (exit === Exit.sbi) this.#answerCall()
      this.#board.htif?.poll()
      if (exit === Exit.absent) return { kind: 'absent', gpa: this.#core.absentPage() }
      if (this.#awaitedGpa !== undefined) return { kind: 'absent', gpa: this.#awaitedGpa }
      if (this.#standstill.rebooting) return { kind: 'reset' }
      if (this.#board.isUnserved()) break
      if (exit === Exit.wfi && !alarmed && this.#end === undefined) {
        this.#standstill.waiting = true
        return { kind: 'idle', untilTicks: nextAlarmTicks(this.#alarms) }
      }
      if (this.#isOver(untilMs)) break
    }
    return this.#end === undefined ? { kind: 'ran' } : { kind: 'stopped', end: this.#end }
  }

  /** It was ready for so long and did not run, or waited for a page. To be said before a slice. */
  addStolen(stolenNs: number, waitedNs: number): void {
    if (stolenNs > 0) this.#board.stealTime.add(stolenNs, this.#core)
    this.#board.watchdog.postpone(Math.floor((stolenNs + waitedNs) / Number(nsPerTick)))
  }

  /** Under clock `instructions`: lets time pass for a waiting guest, at most to its next alarm. */
  passTimeTo(ticks: number): void {
    if (this.#config.clock !== 'instructions' || !this.#standstill.waiting) return
    const until = Math.min(ticks, nextAlarmTicks(this.#alarms))
    if (until > this.#core.ticks) this.#core.skipTo(until)
    this.#board.rtc.tick()
  }

  /** Input at `offset`; returns the offset below which all has been taken. No screen takes none. */
  input(offset: number, bytes: Uint8Array, to?: 'screen'): number {
    return this.#board.input(offset, bytes, to)
  }

  /** The accepted offset, when input had to be refused and there is room again. */
  takeInputRoom(): number | undefined {
    return this.#board.console.takeRoom()
  }

  takeOutput(): ConsoleOutput | undefined {
    return this.#board.console.takeOutput()
  }

  /** What a capture would be made of, whether it runs or not. */
  describe(): Pick<Section, 'kind' | 'version'>[] {
    return captureSections(this.#parts).map(({ kind, version }) => ({ kind, version }))
  }

  /** CPU and devices of a paused VM. Whoever opens its disk then sees all that was written. */
  capture(): Section[] {
    invariant(!this.#running, 'A running machine was to be captured')
    invariant(this.#end === undefined, 'A stopped machine was to be captured')
    this.#board.block?.settle()
    return captureSections(this.#parts)
  }

  /**
   * Takes over the state of another machine; RAM comes by its own way. Throws SnapshotError when
   * the sections are not those of this VM.
   */
  restore(sections: readonly Section[]): void {
    invariant(!this.#running, 'A running machine was to be restored')
    restoreSections(this.#parts, sections)
  }

  rebrand(identity: Identity): void {
    this.#board.rebrand(identity)
  }

  /** Whether it has a disk that is not open. */
  get needsDisk(): boolean {
    return this.#board.block !== undefined && !this.#board.block.connected
  }

  connectDisk(backend: BlockBackend): void {
    invariant(this.needsDisk, 'A disk was opened twice, or for a VM without one')
    this.#board.block?.connect(backend)
  }

  /** Makes all that the guest wrote visible, and closes the disk. */
  releaseDisk(): void {
    this.#board.block?.settle()
    this.#board.block?.disconnect()
  }

  /** The end of this VM here: the disk is closed as a power cut leaves it. */
  close(): void {
    this.#board.block?.disconnect()
  }

  openLog(): number {
    return this.#core.openLog()
  }

  takeLog(log: number): Uint8Array {
    return this.#core.takeLog(log)
  }

  closeLog(log: number): void {
    this.#core.closeLog(log)
  }

  freeze(image: PreservedPages | undefined): void {
    this.#core.freeze(image)
  }

  #answerCall(): void {
    this.#standstill.callOpen = !answerSbi(this.#sbi)
    if (this.#standstill.callOpen) this.#awaitedGpa = this.#core.absentPage()
  }

  /** What stood still for an absent page is done now, or comes upon the next one. */
  #finishAwaited(): void {
    this.#awaitedGpa = undefined
    if (this.#standstill.callOpen) this.#answerCall()
    if (this.#awaitedGpa === undefined) this.#board.serveAgain()
  }

  /** Before a boot, a piece of its image: where nothing is put, RAM is zero. */
  load({ gpa, bytes }: BootPiece): void {
    invariant(this.#core.dmaWrite(gpa, bytes), 'The layout of a boot leads out of RAM')
  }

  #stop(end: MachineEnd | GuestEnd): void {
    if (end.reason === 'reboot') this.#standstill.rebooting = true
    else this.#end ??= { reason: end.reason, detail: end.detail }
    this.#lookAgain()
  }

  #awaitReboot(): RunOutcome {
    if (this.#rebootImage) this.reboot(this.#rebootImage)
    if (!this.#standstill.rebooting) return { kind: 'ran' }
    return this.#rebootImage ? { kind: 'absent', gpa: this.#core.absentPage() } : { kind: 'reset' }
  }

  /**
   * An interrupt is taken, an alarm waited for and an end seen at the next instruction, not at the
   * slice's end.
   */
  #lookAgain(): void {
    this.#core.requestExit()
  }

  #countedBus(): MmioBus {
    this.#accesses = (this.#accesses + 1) % accessesPerLook
    if (this.#accesses === 0) this.#lookAgain()
    return this.#board.bus
  }

  /** The slice has had its time, or its output is to be taken before there is more. */
  #isOver(untilMs: number): boolean {
    if (this.#board.console.untakenBytes >= untakenOutputBytesMax || this.net?.isFull) return true
    return untilMs !== Infinity && this.#host.nowMs() >= untilMs
  }

  #driveExternal(mode: 'S' | 'M', level: boolean): void {
    this.#external[mode] = level
    if (mode === 'S') this.#core.setExternalInterrupt(level)
    else this.#core.setMachineExternalInterrupt(level)
  }

  #wakes(): boolean {
    const { S, M } = this.#external
    return S || M || this.ticks >= nextAlarmTicks(this.#alarms) || this.#board.rtc.tick()
  }

  get #alarms(): Alarms {
    const { timerTicks } = this.#core
    const [rtcInNs, watchdogTicks] = [this.#board.rtc.alarmInNs, this.#board.watchdog.dueTicks]
    return { nowTicks: this.ticks, timerTicks, rtcInNs, watchdogTicks }
  }

  /** A guest whose watchdog has run out is as good as crashed. */
  #minds(): void {
    const detail = this.#board.watchdog.barks(this.ticks)
    if (detail !== undefined) this.#stop({ reason: 'crashed', detail })
  }

  #untilAlarm(): number {
    return this.#config.clock === 'real' ? Infinity : instructionsUntilAlarm(this.#alarms)
  }

  #wallNs(host: HostClock): bigint {
    if (this.#config.clock === 'real') return BigInt(Math.floor(host.wallMs() * 1000)) * 1000n
    return instructionEpochNs + BigInt(this.#core.ticks) * nsPerTick
  }
}

const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
