// One VM as the scheduler of a pCPU sees it: may it run, since when, how much has it had, when does
// it wake.
// Not here: which VM is next (turns.ts), what running does (machine.ts).
// Units: host ms; virtual ms = ms of CPU time, stretched by 1024 / shares.
//
//   paused ──resume──► runnable ◄──alarm, input── idle
//      ▲                │  ▲ └──────nothing to do──► idle
//      │ pause (any)    │  └──debt paid── capped ◄──allowance overdrawn── runnable, idle
//      │                ├──absent page touched──► waiting ──page came──► runnable
//      │                ├──guest reset itself──► reset ──image came──► runnable
//      │                ├──not allowed on, too much held──► held ──allowed, taken──► runnable
//      └────────────────┴──guest ended, crashed──► stopped

import { invariant } from '#proto/invariant.ts'
import { ticksPerMs } from '../devices/memory-map.ts'
import type { Machine, MachineEnd } from '../machine.ts'
import type { VmConfig, VmStats } from '../vm-config.ts'
import { CpuAllowance } from './cpu-allowance.ts'
import { GuestPulse } from './guest-pulse.ts'
import { LineSpeed, networkRate, serialRate } from './line-speed.ts'
import { SliceLength } from './slice-length.ts'
import { VmDisk } from './vm-disk.ts'

export type RunState =
  | { readonly is: 'paused' }
  | { readonly is: 'runnable'; readonly sinceMs: number }
  /** Until an alarm at `untilMs` (Infinity: none is set), or input. */
  | { readonly is: 'idle'; readonly untilMs: number }
  | { readonly is: 'capped'; readonly untilMs: number }
  /** For a later deadline, or for what is held of its disk to be taken. */
  | { readonly is: 'held' }
  /** For an absent page, by its page index. */
  | { readonly is: 'waiting'; readonly page: number }
  /** For its image, to be booted again. */
  | { readonly is: 'reset' }
  | { readonly is: 'stopped'; readonly end: MachineEnd }

/** Shares of a VM whose virtual time is its CPU time. */
export const sharesOfOne = 1024
/** Stolen time is told in pieces of at least so much: each dirties a page. */
const stolenMsMin = 1
/** Before its deadline a VM is held so much earlier: a slice is not exact to a few instructions. */
const untilDeadlineMsMin = 0.05

export class ScheduledVm {
  readonly machine: Machine
  readonly sliceLength = new SliceLength()
  readonly disk = new VmDisk()
  config: VmConfig
  /** CPU time had, in virtual ms: the VM with the least is next. */
  virtualMs = 0
  #state: RunState = { is: 'paused' }
  readonly #allowance: CpuAllowance
  readonly #line = new LineSpeed(serialRate)
  readonly #network = new LineSpeed(networkRate)
  #ranMs = 0
  #runnableMs = 0
  /** Capped or held. */
  #keptBackMs = 0
  #keptBackSinceMs = 0
  #allowedUntilMs = Infinity
  #wasResumed = false
  /** Time in which it did not run but would have: what the guest has been told of it. */
  #toldStolenMs = 0
  /** For absent pages, since the slice before. */
  #waitedMs = 0
  #waitsSinceMs = 0
  readonly #pulse = new GuestPulse()
  /** Where instruction-count time stood when real time was that: it may not run ahead. */
  #pace = { fromMs: 0, fromTicks: 0 }

  constructor(config: VmConfig, machine: Machine, nowMs: number) {
    this.config = config
    this.machine = machine
    this.#allowance = new CpuAllowance(config.cpuCapPercent, nowMs)
  }

  get state(): RunState {
    return this.#state
  }

  /** It has run here, or could have. */
  get wasResumed(): boolean {
    return this.#wasResumed
  }

  /** For how long it may run now, by its cap and its deadline. */
  sliceMs(nowMs: number): number {
    return Math.min(this.#allowance.sliceMs(nowMs), this.#allowedUntilMs - nowMs)
  }

  /** It runs only before `untilMs`. */
  allow(untilMs: number, nowMs: number): void {
    this.#allowedUntilMs = untilMs
    this.holdIfDue(nowMs)
    this.endHold(nowMs)
  }

  /** Before a slice. Says whether it may not begin: the VM is held then. */
  holdIfDue(nowMs: number): boolean {
    if (this.#state.is !== 'runnable' || !this.#isHeldBack(nowMs)) return false
    this.#enter({ is: 'held' }, nowMs)
    return true
  }

  /** What it was held for may be over. */
  endHold(nowMs: number): void {
    if (this.#state.is === 'held') this.#becomeReady(nowMs)
  }

  becomeRunning(nowMs: number, elapsedMs = 0): void {
    invariant(this.#state.is === 'paused', `A VM that is ${this.#state.is} was resumed`)
    this.machine.resume(elapsedMs)
    this.#wasResumed = true
    this.#pace = { fromMs: nowMs, fromTicks: this.machine.ticks }
    this.#becomeReady(nowMs)
  }

  becomePaused(nowMs: number): void {
    invariant(this.#state.is !== 'stopped', 'A stopped VM was paused')
    this.machine.pause()
    this.#enter({ is: 'paused' }, nowMs)
  }

  becomeStopped(end: MachineEnd, nowMs: number): void {
    invariant(this.#state.is === 'runnable', `A VM that is ${this.#state.is} came to its end`)
    this.machine.pause()
    this.#enter({ is: 'stopped', end }, nowMs)
  }

  /** After a slice that found nothing to do before `untilTicks` of guest time. */
  becomeIdle(untilTicks: number, nowMs: number): void {
    invariant(this.#state.is === 'runnable', `A VM that is ${this.#state.is} became idle`)
    this.#enter({ is: 'idle', untilMs: this.#hostMs(untilTicks, nowMs) }, nowMs)
  }

  /** After a slice that came upon an absent page. */
  becomeWaiting(page: number, nowMs: number): void {
    invariant(this.#state.is === 'runnable', `A VM that is ${this.#state.is} met an absent page`)
    this.#enter({ is: 'waiting', page }, nowMs)
  }

  /** Ends the wait for one of these pages. */
  wakeForPages(pages: Uint32Array, nowMs: number): void {
    if (this.#state.is === 'waiting' && pages.includes(this.#state.page)) this.#becomeReady(nowMs)
  }

  /** After a slice in which the guest has reset itself. */
  becomeReset(nowMs: number): void {
    invariant(this.#state.is === 'runnable', `A VM that is ${this.#state.is} reset itself`)
    this.#enter({ is: 'reset' }, nowMs)
  }

  /** It has been booted again. */
  endReset(nowMs: number): void {
    invariant(this.#state.is === 'reset', `A VM that is ${this.#state.is} was booted again`)
    this.#becomeReady(nowMs)
  }

  /** After a slice that has more to do. */
  stayReady(nowMs: number): void {
    invariant(this.#state.is === 'runnable', `A VM that is ${this.#state.is} ran`)
    if (
      this.config.clock === 'instructions' &&
      this.machine.ticks > this.#pacedTicks(nowMs) + ticksPerMs
    ) {
      this.#enter({ is: 'idle', untilMs: this.#hostMs(this.machine.ticks, nowMs) }, nowMs)
    } else {
      this.#becomeReady(nowMs)
    }
  }

  /** Ends an idle or capped state whose time has come. */
  wakeIfDue(nowMs: number): void {
    if (this.#state.is !== 'idle' && this.#state.is !== 'capped') return
    if (this.#state.untilMs > nowMs) return
    if (this.#state.is === 'idle') this.machine.passTimeTo(Infinity)
    this.#becomeReady(this.#state.untilMs, nowMs)
  }

  /**
   * Something outside is about to happen to the guest. Under clock `instructions` its instant is
   * where guest time stands if it is busy, and where real time stands if it is idle.
   */
  wakeForEvent(nowMs: number): void {
    if (this.#state.is !== 'idle') return
    this.machine.passTimeTo(Math.floor(this.#pacedTicks(nowMs)))
    this.#becomeReady(nowMs)
  }

  /**
   * Now and then asks the guest how its memory stands, if it has ever said so. Under clock
   * `instructions` it is not asked: a run must not depend on who looks.
   */
  refreshMemoryUse(nowMs: number): void {
    const { clock, heartbeatMs } = this.config
    const { balloon } = this.machine
    const isAble = this.#state.is === 'idle' || this.#state.is === 'runnable'
    if (!isAble && this.#state.is !== 'capped') this.#pulse.forgive()
    if (!isAble || clock !== 'real') return
    if (!this.#pulse.isDue(balloon, nowMs, heartbeatMs, this.#hadTime(nowMs))) return
    balloon.refreshUse()
    this.wakeForEvent(nowMs)
  }

  /** Why its guest is taken for hung; undefined: it is not, or nobody can tell. */
  hung(nowMs: number): string | undefined {
    const { heartbeatMs } = this.config
    if (heartbeatMs === undefined) return undefined
    if (!this.#pulse.isSilent(nowMs, heartbeatMs, this.#hadTime(nowMs))) return undefined
    return `Its guest hangs: its kernel has not answered for ${heartbeatMs} ms, and had before.`
  }

  #hadTime = (nowMs: number) => ({ ranMs: this.#ranMs, stolenMs: this.stolenMs(nowMs) })

  /** Accounts a slice: `ranMs` of CPU time. */
  charge(ranMs: number, nowMs: number): void {
    this.#ranMs += ranMs
    this.virtualMs += (ranMs * sharesOfOne) / this.config.cpuShares
    this.#allowance.spend(ranMs, nowMs)
  }

  /**
   * Before a slice: tells the guest of the time stolen from it. Under clock `instructions` no time
   * passes for it meanwhile.
   */
  tellStolen(nowMs: number): void {
    if (this.config.clock === 'instructions') return
    const untoldMs = this.stolenMs(nowMs) - this.#toldStolenMs
    const stolenMs = untoldMs < stolenMsMin ? 0 : untoldMs
    if (stolenMs === 0 && this.#waitedMs === 0) return
    this.machine.addStolen(stolenMs * 1e6, this.#waitedMs * 1e6)
    this.#toldStolenMs += stolenMs
    this.#waitedMs = 0
  }

  /** For how long it was ready, capped or held, and did not run: here, since attached. */
  stolenMs(nowMs: number): number {
    const keptBackMs = isKeptBack(this.#state) ? nowMs - this.#keptBackSinceMs : 0
    return this.#readyMs(nowMs) + this.#keptBackMs + keptBackMs - this.#ranMs
  }

  /** Accounts what the guest wrote to its console in one piece. */
  wrote(bytes: number, nowMs: number): void {
    this.#line.carry(bytes, 1, nowMs)
  }

  /** Accounts frames that the guest sent to its network. */
  sent(frames: readonly Uint8Array[], nowMs: number): void {
    const bytes = frames.reduce((sum, frame) => sum + frame.length, 0)
    this.#network.carry(bytes, frames.length, nowMs)
  }

  weigh(cpuShares: number, cpuCapPercent: number, nowMs: number): void {
    this.config = { ...this.config, cpuShares, cpuCapPercent }
    this.#allowance.setPercent(cpuCapPercent, nowMs)
    // What it waits for was reckoned by the old one.
    if (this.#state.is === 'capped') this.#becomeReady(nowMs)
  }

  stats(nowMs: number): VmStats {
    const { balloon } = this.machine
    return {
      vmId: this.config.vmId,
      instructions: this.machine.retired,
      ranMs: this.#ranMs,
      runnableMs: this.#readyMs(nowMs),
      balloonTargetPages: balloon.targetPages,
      balloonPages: balloon.actualPages,
      ...(balloon.use && { memoryUse: balloon.use }),
    }
  }

  #readyMs(nowMs: number): number {
    const sinceMs = this.#state.is === 'runnable' ? this.#state.sinceMs : nowMs
    return this.#runnableMs + Math.max(0, nowMs - sinceMs)
  }

  /** `atMs`: since when it is ready, which may have been before the pCPU looked. */
  #becomeReady(atMs: number, nowMs = atMs): void {
    if (this.#isHeldBack(nowMs)) {
      if (this.#state.is !== 'held') this.#enter({ is: 'held' }, nowMs)
      return
    }
    const mayRunAtMs = Math.max(
      this.#allowance.mayRunAtMs(nowMs),
      this.#line.mayRunAtMs(nowMs),
      this.#network.mayRunAtMs(nowMs),
    )
    if (mayRunAtMs > nowMs) this.#enter({ is: 'capped', untilMs: mayRunAtMs }, nowMs)
    else if (this.#state.is !== 'runnable') this.#enter({ is: 'runnable', sinceMs: atMs }, nowMs)
  }

  #enter(next: RunState, nowMs: number): void {
    if (this.#state.is === 'runnable') this.#runnableMs += Math.max(0, nowMs - this.#state.sinceMs)
    // It may have been ready before the pCPU looked: that time counts once.
    const untilMs = next.is === 'runnable' ? Math.min(next.sinceMs, nowMs) : nowMs
    if (isKeptBack(this.#state)) this.#keptBackMs += Math.max(0, untilMs - this.#keptBackSinceMs)
    if (isKeptBack(next)) this.#keptBackSinceMs = nowMs
    if (this.#state.is === 'waiting') this.#waitedMs += Math.max(0, nowMs - this.#waitsSinceMs)
    if (next.is === 'waiting') this.#waitsSinceMs = nowMs
    this.#state = next
  }

  #isHeldBack(nowMs: number): boolean {
    return this.#allowedUntilMs - nowMs < untilDeadlineMsMin || this.disk.isFull
  }

  #pacedTicks(nowMs: number): number {
    return this.#pace.fromTicks + (nowMs - this.#pace.fromMs) * ticksPerMs
  }

  #hostMs(ticks: number, nowMs: number): number {
    const { fromMs, fromTicks } = this.#pace
    if (this.config.clock === 'instructions') return fromMs + (ticks - fromTicks) / ticksPerMs
    return nowMs + (ticks - this.machine.ticks) / ticksPerMs
  }
}

/** It would run if it might. */
const isKeptBack = ({ is }: RunState) => is === 'capped' || is === 'held'
