// What a source gives after its VM, or clones of it, run elsewhere: pages that are asked for, of a
// VM that stands still, or of the image of one that was forked and goes on. Not here: what is
// decided (source-serving.ts), the links (source-run.ts). Ms, page indices.

import type { Clock } from '#env/env.ts'
import type { CloneTarget, Want } from '#proto/messages.ts'
import { type FarFork, forkFar, sendRecent } from '../cloning/far-clone.ts'
import type { Forks } from '../cloning/forks.ts'
import type { GuestConsole } from '../console.ts'
import type { HeldVm } from '../held-vms.ts'
import type { Vmm } from '../vmm.ts'
import { stateBytes } from './hash.ts'
import type { Pace } from './pace.ts'
import type { PageLink } from './page-links.ts'
import { forkedOrigin, standingOrigin } from './page-origin.ts'
import type { PageRecorder } from './page-recorder.ts'
import { PageServer } from './page-server.ts'
import type { RoundSent, SourceInput, SourcePlan } from './source-state.ts'

export interface ServingPorts {
  readonly clock: Clock
  readonly vmm: Vmm
  readonly forks: Forks
  readonly console: GuestConsole
  readonly paces: readonly Pace[]
  readonly recorder: PageRecorder | undefined
  /** Or it has ended, and that is told. */
  goOn(vm: HeldVm, disk: undefined): Promise<void>
}

/** Where pages go. */
export interface LinkEnds {
  readonly target: CloneTarget
  readonly link: PageLink
}

type Forked = Omit<Extract<SourceInput, { on: 'forked' }>, 'nowMs'>

export class ServingRun {
  readonly #plan: SourcePlan
  readonly #vm: HeldVm
  readonly #ports: ServingPorts
  /** Of clones: what their parent was. */
  #forked: FarFork | undefined
  #server: PageServer | undefined
  #isOver = false

  constructor(plan: SourcePlan, vm: HeldVm, ports: ServingPorts) {
    this.#plan = plan
    this.#vm = vm
    this.#ports = ports
  }

  /**
   * The parent goes on by itself, if it ran; what its clones lack is in the image from now on.
   * `missing`: absent, nothing has been sent before.
   */
  async fork(
    { round, missing: left }: { readonly round: number; readonly missing: Uint8Array | undefined },
    ends: () => LinkEnds,
  ): Promise<Forked> {
    const { clock, goOn } = this.#ports
    const forking = forkFar(this.#vm, { disk: this.#plan.parentDisk, left }, this.#ports)
    const forked = await forking.catch(async (thrown) => {
      await goOn(this.#vm, undefined).catch(() => undefined) // It has been told of.
      throw thrown
    })
    this.#forked = forked
    if (this.#isOver) this.end()
    const { target, link } = ends()
    const sent = sendRecent(forked, { ...target, round }, link)
    const { image, sections, pausedMs, missing, forkedAtMs } = forked
    const hash = image.memory.hashBytes(stateBytes(image.memory.trackedHash(), sections))
    const agoMs = clock.nowMs() - forkedAtMs
    return { on: 'forked', sent, sections, hash, missing, pausedMs, agoMs }
  }

  /** Resolves when the link has them. */
  send(want: Want, { target, link }: LinkEnds): Promise<RoundSent> {
    this.#server ??= this.#newServer(target, link)
    return this.#server.send(want)
  }

  /** What was sent and what came are equal when the sums over their pages' hashes are. */
  isEqual(ramHash: string): boolean {
    const memory = this.#forked?.image.memory ?? this.#ports.vmm.memoryOf(this.#vm)
    return memory?.trackedHash() === ramHash
  }

  newLink(): void {
    this.#server = undefined
  }

  /** Nobody needs pages from here any more. */
  end(): void {
    this.#isOver = true
    this.#forked?.image.release()
    this.#forked = undefined
  }

  #newServer(target: CloneTarget, link: PageLink): PageServer {
    const { clock, vmm, paces, recorder } = this.#ports
    const image = this.#forked?.image
    const origin = image ? forkedOrigin(image) : standingOrigin(vmm.mustHave(this.#vm))
    return new PageServer(target, origin, { clock, link, paces, recorder })
  }
}
