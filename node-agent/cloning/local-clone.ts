// Clones on the node of their parent: no page is copied. The parent stands still for as long as it
// takes to capture its CPU and devices, and goes on; its clones begin with all of their pages
// absent, and share the parent's until they touch them. Not here: clones on another node
// (../migration/), the images (forks.ts). Times in ms.

import type { Clock } from '#env/env.ts'
import type { OpenSpan } from '#env/spans.ts'
import { type Fault, FaultError, faultOf } from '#proto/faults.ts'
import type { MigrationRecord, StateSection } from '#proto/messages.ts'
import type { Consoles } from '../consoles.ts'
import type { HeldVm, HeldVms } from '../held-vms.ts'
import { type LaunchPorts, launch } from '../launch.ts'
import type { SourcePlan } from '../migration/source-state.ts'
import type { Fork, Forks } from './forks.ts'

export interface LocalClonePorts extends LaunchPorts {
  readonly clock: Clock
  readonly vms: HeldVms
  readonly forks: Forks
  readonly consoles: Consoles
  /** A fault when this node may not run it: it holds no lease. */
  mayLaunch(vm: HeldVm): Fault | undefined
  discard(vm: HeldVm, fault: Fault): void
  /** The part of a trace that this is. */
  readonly span?: OpenSpan | undefined
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
    const capture = ports.span?.child('capture', { atMs: startedAtMs })
    fork = await forks.fork(parent, plan.parentDisk)
    capture?.end({ attributes: { 'godwit.paused_ms': fork.pausedMs } })
    if (plan.parentDisk) parent.disk = plan.parentDisk
    // Nothing that the parent has written since has been heard yet.
    const ring = consoles.of(parent).capture()
    const forkedAtMs = clock.nowMs()
    const state = { ring, sections: fork.sections, forkedAtMs }
    const { image } = fork
    await Promise.all(clones.map((clone) => begin(clone, image, state, plan, ports)))
  } catch (thrown) {
    for (const clone of clones) if (clone.state !== 'running') ports.discard(clone, faultOf(thrown))
    throw thrown
  } finally {
    fork?.image.release()
  }
  const nothing = { rounds: [], bytes: 0, pages: 0, zeroPages: 0, hash: '' }
  return { ...nothing, totalMs: clock.nowMs() - startedAtMs, downtimeMs: fork.pausedMs }
}

/** What all clones begin with besides their pages. */
interface ParentState {
  readonly ring: StateSection
  readonly sections: readonly StateSection[]
  readonly forkedAtMs: number
}

async function begin(
  clone: HeldVm,
  image: Fork['image'],
  { ring, sections, forkedAtMs }: ParentState,
  plan: SourcePlan,
  ports: LocalClonePorts,
): Promise<void> {
  const attributes = { 'godwit.vm': clone.vmId }
  const forking = ports.span?.child('fork', { attributes })
  const { attached } = await ports.forks.open(clone, image, plan.params.independent)
  ports.consoles.of(clone).restore(ring)
  forking?.end()
  const starting = ports.span?.child('first instruction', { attributes })
  const launched = async () => {
    const refused = ports.mayLaunch(clone)
    if (refused) throw new FaultError(refused)
    ports.vms.becomePrepared(clone)
    const elapsedMs = ports.clock.nowMs() - forkedAtMs
    await launch(clone, { sections, elapsedMs, isClone: true }, ports)
  }
  await Promise.all([attached, launched()])
  starting?.end()
}
