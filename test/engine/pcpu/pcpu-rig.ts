// A pCPU whose guests are scripts and whose time passes only by their instructions and by its own
// sleep: 100,000 instructions a host ms, as an interpreter has them.

import { Exit } from '#engine/cpu/core-port.ts'
import type { BlockBackend } from '#engine/devices/block-backend.ts'
import { type DiskToOpen, Pcpu } from '#engine/pcpu.ts'
import type { PcpuEvent, VmConfig, VmStats } from '#engine/vm-config.ts'
import { HostTime, identity } from '../machine-rig.ts'
import { busy, type Script, ScriptedCore } from '../scripted-core.ts'

export const instructionsPerMs = 100_000

export interface PcpuRigOptions {
  readonly mips?: number
  readonly scripts?: Readonly<Record<string, Script>>
  readonly openDisk?: (disk: DiskToOpen) => BlockBackend
}

export class PcpuRig {
  readonly host = new HostTime()
  readonly events: PcpuEvent[] = []
  readonly cores = new Map<string, ScriptedCore>()
  readonly pcpu: Pcpu
  leaseUntilMs = Infinity

  constructor({ mips = 0, scripts = {}, openDisk = noDisk }: PcpuRigOptions = {}) {
    this.pcpu = new Pcpu({
      host: this.host,
      makeCore: ({ vmId }, hooks) => {
        const core = new ScriptedCore(hooks, this.#timed(scripts[vmId] ?? busy))
        this.cores.set(vmId, core)
        return core
      },
      openDisk,
      runUntilMs: () => this.leaseUntilMs,
      mips,
      emit: (event) => this.events.push(event),
    })
  }

  /** Attaches and resumes a VM. */
  start(vmId: string, more: Partial<VmConfig> = {}): void {
    this.do({ do: 'attach', config: this.config(vmId, more), start: 'empty' })
    this.do({ do: 'resume', vmId })
  }

  config(vmId: string, more: Partial<VmConfig> = {}): VmConfig {
    return {
      vmId,
      memory: new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }),
      ramBytes: 1 << 20,
      args: '',
      clock: 'real',
      boot: 'paravirtualised',
      identity,
      cpuShares: 1024,
      cpuCapPercent: 100,
      leased: false,
      epoch: 1,
      ...more,
    }
  }

  /** Carries out a command that must not be refused. */
  do<C extends Parameters<Pcpu['handle']>[0]>(command: C) {
    const answer = this.pcpu.handle(command)
    if (answer instanceof Error) throw answer
    return answer
  }

  /** Lets the pCPU run, and sleep when it wants to, for so long. */
  runMs(ms: number): void {
    const untilMs = this.host.ms + ms
    while (this.host.ms < untilMs) {
      const sleepMs = this.pcpu.run()
      this.host.ms += Math.min(sleepMs, untilMs - this.host.ms)
    }
  }

  stats(vmId: string): VmStats {
    const { vms } = this.do({ do: 'stats' })
    const found = vms.find((vm) => vm.vmId === vmId)
    if (found === undefined) throw new Error(`No stats of ${vmId}`)
    return found
  }

  /** What instructions cost, and a run that retires none costs a little too. */
  #timed(script: Script): Script {
    return (core, budget) => {
      const before = core.retired
      const exit = script(core, budget)
      this.host.ms += Math.max(0.001, (core.retired - before) / instructionsPerMs)
      return exit
    }
  }
}

/** Works for so many instructions, then waits for an alarm that many ticks of guest time later. */
export const periodic =
  (instructions: number, periodTicks: number): Script =>
  (core) => {
    core.retire(instructions)
    core.setTimer(BigInt(core.hooks.timeTicks() + periodTicks))
    return Exit.wfi
  }

function noDisk(): never {
  throw new Error('This test has no disk')
}
