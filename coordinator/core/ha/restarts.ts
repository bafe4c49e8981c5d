// What becomes of a VM that crashed or could not start, by its policy: so many starts on its node,
// then so many on others, each later than the one before; then it has failed, until an operator
// says otherwise. When it has run for a while, it has begun anew. A guest that shut itself down has
// ended, and is left alone; those of a node that shuts down may have to wait for it.
// Not here: VMs whose node is lost (recovery.ts). Monotonic ms.

import { type Fault, fault } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import type { Vm } from '../cluster-state.ts'
import { restartBackoffMs, restartBackoffMsMax, restartsForgottenMs } from '../limits.ts'
import { hasUntried } from '../placement.ts'
import { type Step, touch } from '../step-context.ts'
import { becomeFailed, becomePending, becomeRecovering } from '../vm-doors.ts'
import { policyOf } from './rules.ts'

/** Its node shuts down: it waits for it, if that is what becomes of such VMs. */
export function freezeVm(step: Step, vm: Vm): void {
  if (step.state.ha.shutdown !== 'freeze' || vm.nodeId === undefined) return
  vm.frozenOn = vm.nodeId
  touch(step, 'vm', vm.id)
}

type Tries = NonNullable<Vm['tries']>
const none: Tries = { restarts: 0, relocations: 0 }

/** Its guest has crashed: it starts again, or has failed. It keeps no node either way. */
export function seeCrash(step: Step, vm: Vm, crash: Fault): void {
  tryAgain(step, vm, crash, policyOf(vm).relocations ?? 0)
}

/** Its node could not start it; without a word of the operator every node is tried once. */
export function seeFailedStart(step: Step, vm: Vm, refusal: Fault): void {
  const { relocations } = policyOf(vm)
  const isUntried = hasUntried(step.state, vm, refusedWith(vm))
  tryAgain(step, vm, refusal, relocations ?? (isUntried ? Number.POSITIVE_INFINITY : 0))
}

function tryAgain(step: Step, vm: Vm, why: Fault, relocationsMax: number): void {
  const { restarts: restartsMax, locked } = policyOf(vm)
  const tries = triesOf(vm, step.nowMs)
  const mayRestart = tries.restarts < restartsMax
  // One that has run waits for what holds it back; a start that somebody asked for has failed.
  const isNew = vm.phase === 'starting' && !vm.isRecovery
  const mayTry = vm.nodeId !== undefined && (!isNew || (step.state.ha.armed && !locked))
  if (!mayTry || (!mayRestart && tries.relocations >= relocationsMax)) {
    delete vm.tries
    becomeFailed(step, vm, tries === none ? why : exhausted(why, tries), false)
    return
  }
  const from = vm.nodeId
  vm.tries = mayRestart
    ? { ...tries, restarts: tries.restarts + 1 }
    : { restarts: 0, relocations: tries.relocations + 1 }
  if (mayRestart) vm.restartOn = from
  else vm.refusedBy = refusedWith(vm)
  if (isNew) becomePending(step, vm, 0)
  else becomeRecovering(step, vm, step.nowMs, why.message)
  vm.live.retryAtMs = step.nowMs + backoffMs(vm)
  touch(step, 'vm', vm.id)
}

/** How long it waits before its next start: none of its own doing made it wait. */
export function backoffMs({ tries, restartOn, refusedBy }: Vm): number {
  if (!tries || (restartOn === undefined && refusedBy === undefined)) return 0
  const count = tries.restarts + tries.relocations - 1
  return Math.min(restartBackoffMs * 2 ** count, restartBackoffMsMax)
}

/** With the node that it is on: again, where no other one could take it. */
const refusedWith = ({ nodeId, refusedBy = [] }: Vm): NodeId[] =>
  nodeId === undefined ? refusedBy : [...refusedBy, nodeId]

/** In a row: what came before a long run does not count. */
function triesOf({ tries, live }: Vm, nowMs: number): Tries {
  const { runsSinceMs } = live
  const isLong = runsSinceMs !== undefined && nowMs - runsSinceMs >= restartsForgottenMs
  return isLong || !tries ? none : tries
}

function exhausted({ code, message }: Fault, { restarts, relocations }: Tries): Fault {
  const tried = `${restarts} restarts there and ${relocations} on other nodes did not help`
  return fault(code, `${message.replace(/\.$/, '')}; ${tried}: \`godwit start\` tries again`)
}
