// What the desk says to the coordinator: one answer a command, which is kept so that a repeated
// command gets it again, and events of VMs. Pure. Not here: when (desk.ts, desk-ends.ts).

import type { Fault } from '#proto/faults.ts'
import type { CommandId } from '#proto/ids.ts'
import type { Result, VmEvent } from '#proto/messages.ts'
import type { DeskEffect, DeskState } from './desk-state.ts'
import type { HeldVm } from './held-vms.ts'

const answersKept = 1000

export function answer(
  state: DeskState,
  commandId: CommandId,
  value?: Fault,
  more: Pick<Result, 'tookOver'> = {},
): DeskEffect[] {
  return keepAnswer(state, { t: 'result', commandId, ...(value ? { fault: value } : more) })
}

export function keepAnswer(state: DeskState, result: Result): DeskEffect[] {
  if (!state.openCommands.delete(result.commandId)) return []
  state.answers.set(result.commandId, result)
  const oldest = state.answers.keys().next().value
  if (state.answers.size > answersKept && oldest !== undefined) state.answers.delete(oldest)
  return [{ do: 'send', message: result }]
}

export function event(vm: HeldVm, what: VmEvent['event'], value?: Fault): DeskEffect {
  const { vmId, epoch } = vm
  const about = { t: 'vm-event', vmId, epoch, event: what } as const
  return { do: 'send', message: { ...about, ...(value ? { fault: value } : {}) } }
}
