// Carries out what the desk asks for about snapshots, and tells it how that ended. Not here:
// whether it may be done (../desk.ts), how (snapshots.ts).

import { type Fault, faultOf } from '#proto/faults.ts'
import type { CommandId } from '#proto/ids.ts'
import type {
  CompareSnapshots,
  DropSnapshot,
  KeepTemplate,
  Result,
  TakeSnapshot,
} from '#proto/messages.ts'
import type { Consoles } from '../consoles.ts'
import type { DeskEffect, DeskInput } from '../desk-state.ts'
import type { HeldVm } from '../held-vms.ts'
import { type StreamsPorts, TemplateStreams } from '../templates/template-streams.ts'
import { compareSnapshots } from './comparing.ts'
import type { SnapshotName } from './restoring.ts'
import { Snapshots, type SnapshotsPorts } from './snapshots.ts'

export interface SnapshotWorkPorts extends SnapshotsPorts, StreamsPorts {
  readonly consoles: Consoles
  desk(input: DeskInput): void
}

type Beginning = Pick<Extract<DeskEffect, { do: 'boot' }>, 'from' | 'template'>
type SnapshotVerb = 'take-snapshot' | 'drop-snapshot' | 'compare-snapshots' | 'keep-template'
type SnapshotEffect = Extract<DeskEffect, { do: SnapshotVerb }>

export class SnapshotWork {
  /** Of templates. */
  readonly files: TemplateStreams
  readonly #ports: SnapshotWorkPorts
  readonly #snapshots: Snapshots

  constructor(ports: SnapshotWorkPorts) {
    this.#ports = ports
    this.#snapshots = new Snapshots(ports)
    this.files = new TemplateStreams(ports)
  }

  carryOut(effect: SnapshotEffect): void {
    if (effect.do === 'take-snapshot') this.#take(effect)
    else if (effect.do === 'drop-snapshot') this.#drop(effect.order)
    else if (effect.do === 'keep-template') this.#keep(effect.order)
    else this.#compare(effect.order)
  }

  #take({ vm, order }: { readonly vm: HeldVm; readonly order: TakeSnapshot }): void {
    const { consoles, desk } = this.#ports
    const end = (news: Omit<Result, 't' | 'commandId'>) => {
      consoles.thaw(vm)
      desk({ on: 'snapshot-ended', vm, result: resultOf(order.commandId, news) })
    }
    this.#snapshots.take(vm, order).then(
      (snapshot) => end({ snapshot }),
      (thrown) => end({ fault: faultOf(thrown) }),
    )
  }

  #drop({ commandId, vmId, name }: DropSnapshot): void {
    const end = (failed: Fault | undefined) =>
      this.#ports.desk({
        on: 'answered',
        result: resultOf(commandId, failed ? { fault: failed } : {}),
      })
    this.#snapshots.remove(vmId, name).then(end, (thrown) => end(faultOf(thrown)))
  }

  #compare({ commandId, vmId, from, to }: CompareSnapshots): void {
    const answer = (news: Omit<Result, 't' | 'commandId'>) =>
      this.#ports.desk({ on: 'answered', result: resultOf(commandId, news) })
    try {
      answer({ comparison: compareSnapshots(this.#ports.store, vmId, from, to) })
    } catch (thrown) {
      answer({ fault: faultOf(thrown) })
    }
  }

  #keep({ commandId, from, kept }: KeepTemplate): void {
    const answer = (news: Omit<Result, 't' | 'commandId'>) =>
      this.#ports.desk({ on: 'answered', result: resultOf(commandId, news) })
    this.#snapshots.keep(from, kept).then(
      (snapshot) => answer({ snapshot }),
      (thrown) => answer({ fault: faultOf(thrown) }),
    )
  }

  /** It runs: booted, as a snapshot of it has it, or as a template does and somebody else. */
  async begin(vm: HeldVm, { from, template }: Beginning): Promise<void> {
    const { vmm } = this.#ports
    if (template) await this.#restore(vm, template)
    else if (from === undefined) await vmm.boot(vm)
    else await this.#restore(vm, { vmId: vm.vmId, name: from })
    if (template) await vmm.rebrand(vm)
    await vmm.resume(vm)
  }

  /** A machine as the snapshot has it, paused. It may run before all of its pages are there. */
  async #restore(vm: HeldVm, from: SnapshotName): Promise<void> {
    const { whole } = await this.#snapshots.restore(vm, from)
    this.#watch(vm, whole)
  }

  /** A page that is lost ends the VM that runs on it. */
  #watch(vm: HeldVm, whole: Promise<void>): void {
    whole.catch((thrown) => {
      const detail = `its memory cannot be brought: ${faultOf(thrown).message}`
      this.#ports.desk({ on: 'guest-stopped', vm, reason: 'crashed', detail })
    })
  }
}

const resultOf = (commandId: CommandId, news: Omit<Result, 't' | 'commandId'>): Result => ({
  t: 'result',
  commandId,
  ...news,
})
