// Clones on the node of their parent: no page is copied. The parent stands still for as long as it
// takes to capture its CPU and devices, and goes on; its clones begin with all of their pages
// absent, and share the parent's until they touch them. Not here: clones on another node
// (../migration/), the images (forks.ts). Times in ms.

import type { Clock } from '#env/env.ts'
import { type Fault, FaultError, faultOf } from '#proto/faults.ts'
import type { MigrationRecord, StateSection } from '#proto/messages.ts'
import type { Consoles } from '../consoles.ts'
import type { HeldVm, HeldVms } from '../held-vms.ts'
import type { SourcePlan } from '../migration/source-state.ts'
import type { Vmm } from '../vmm.ts'
import type { Fork, Forks } from './forks.ts'

export interface LocalClonePorts {
  readonly clock: Clock
  readonly vmm: Vmm
  readonly vms: HeldVms
  readonly forks: Forks
  readonly consoles: Consoles
  /** A fault when this node may not run it: it holds no lease. */
  mayLaunch(vm: HeldVm): Fault | undefined
  launched(vm: HeldVm, fault: Fault | undefined): void
  discard(vm: HeldVm, fault: Fault): void
}

/** @param clones admitted, in the order of the plan. Throws a FaultError when one does not run. */
export async function cloneHere(
  plan: SourcePlan,
  parent: HeldVm,
  clones: readonly HeldVm[],
  ports: LocalClonePorts,
): Promise<MigrationRecord> {
  const { clock, forks, consoles } = ports
  const startedAtMs = clock.nowMs()
  let fork: Fork | undefined
  try {
    fork = await forks.fork(parent, plan.parentDisk)
    if (plan.parentDisk) parent.disk = plan.parentDisk
    // Nothing that the parent has written since has been heard yet.
    const ring = consoles.of(parent).capture()
    const forkedAtMs = clock.nowMs()
    const { sections, image } = fork
    const { independent } = plan.params
    await Promise.all(
      clones.map(async (clone) => {
        const { attached } = await forks.open(clone, image, independent)
        consoles.of(clone).restore(ring)
        await Promise.all([attached, launch(clone, sections, forkedAtMs, ports)])
      }),
    )
  } catch (thrown) {
    for (const clone of clones) if (clone.state !== 'running') ports.discard(clone, faultOf(thrown))
    throw thrown
  } finally {
    fork?.image.release()
  }
  const nothing = { rounds: [], bytes: 0, pages: 0, zeroPages: 0, hash: '' }
  return { ...nothing, totalMs: clock.nowMs() - startedAtMs, downtimeMs: fork.pausedMs }
}

async function launch(
  clone: HeldVm,
  sections: readonly StateSection[],
  forkedAtMs: number,
  { vmm, vms, clock, mayLaunch, launched }: LocalClonePorts,
): Promise<void> {
  const refused = mayLaunch(clone)
  if (refused) throw new FaultError(refused)
  vms.becomePrepared(clone)
  clone.launching = true
  try {
    // Posted together: the pCPU does them in this order, without waiting for this thread.
    await Promise.all([
      vmm.restore(clone, sections, clock.nowMs() - forkedAtMs),
      vmm.rebrand(clone),
      vmm.resume(clone),
    ])
  } catch (thrown) {
    launched(clone, faultOf(thrown))
    throw thrown
  }
  launched(clone, undefined)
}
