// What a pCPU does for a protected VM: holds what its guest writes to its disk until the agent says
// that the replica knows it, and lets it run only until a deadline. (Cully et al., "Remus: High
// Availability via Asynchronous Virtual Machine Replication", NSDI 2008.)
// Not here: who decides that, and where batches go (the agent); the deadline itself
// (scheduled-vm.ts); held writes (vm-disk.ts, devices/held-disk.ts).
// A refusal is an Error with a message for a person.

import type { PcpuAnswers, PcpuCommand } from '../vm-config.ts'
import type { ScheduledVm } from './scheduled-vm.ts'
import { closeSafely, paused } from './standing.ts'

const names = [
  'hold-disk',
  'take-held',
  'write-held',
  'release-disk',
  'apply-batch',
  'allow',
  'set-lease',
] as const
export type ProtectionCommand = Extract<PcpuCommand, { do: (typeof names)[number] }>

export interface ProtectionPorts {
  readonly nowMs: number
  /** Opens the VM's disk under its epoch, if it has one that is not open. */
  readonly openDisk: () => void
}

export function isProtection(command: PcpuCommand): command is ProtectionCommand {
  return names.some((name) => name === command.do)
}

export function protect(vm: ScheduledVm, command: ProtectionCommand, ports: ProtectionPorts) {
  switch (command.do) {
    case 'hold-disk':
      return vm.disk.hold()
    case 'take-held':
      return takeHeld(vm, ports.nowMs)
    case 'write-held':
      return vm.disk.writeTaken()
    case 'release-disk':
      return releaseDisk(vm, ports.nowMs)
    case 'apply-batch':
      return applyTo(vm, command.batch, ports)
    case 'allow':
      return allow(vm, command.untilMs, ports.nowMs)
    case 'set-lease':
      return setLease(vm, command.leased)
  }
}

/** Another disk below what is held would get it, or lose it. */
export function mustHoldNothing({ config, disk }: ScheduledVm): void {
  if (!disk.holdsWrites) return
  throw new Error(
    `VM ${config.vmId} has written to its disk what is held: write it first, by release-disk.`,
  )
}

function allow(vm: ScheduledVm, untilMs: number, nowMs: number): undefined {
  if (Number.isNaN(untilMs)) throw new Error(`VM ${vm.config.vmId} needs a deadline in ms.`)
  vm.allow(untilMs, nowMs)
}

function setLease(vm: ScheduledVm, leased: boolean): undefined {
  vm.config = { ...vm.config, leased }
}

function takeHeld(vm: ScheduledVm, nowMs: number): PcpuAnswers['take-held'] {
  const batch = vm.disk.take()
  vm.endHold(nowMs)
  return { batch }
}

function releaseDisk(vm: ScheduledVm, nowMs: number): undefined {
  vm.disk.release()
  vm.endHold(nowMs)
  if (vm.state.is === 'stopped') closeSafely(vm)
}

function applyTo(vm: ScheduledVm, batch: Uint8Array, { openDisk }: ProtectionPorts): undefined {
  const { vmId, disk } = paused(vm).config
  if (vm.wasResumed)
    throw new Error(`VM ${vmId} has run here: a batch of another copy is not for its disk.`)
  if (disk === undefined && batch.length > 0)
    throw new Error(`VM ${vmId} has no disk that a batch could be written to: give it one.`)
  openDisk()
  if (disk !== undefined) vm.disk.apply(batch)
}
