// A desk whose effects are noted in short, and carried out at once: for tests of what it decides.
// Not here: the tests (desk.test.ts, desk-replicas.test.ts).

import { admit } from '#node-agent/admission.ts'
import { stepDesk } from '#node-agent/desk.ts'
import { type Command, type DeskEffect, newDesk } from '#node-agent/desk-state.ts'
import { HeldVms } from '#node-agent/held-vms.ts'
import { asCommandId, asEpoch, asMigrationId, asNodeId, asVmId } from '#proto/ids.ts'
import type { Offer } from '#proto/messages.ts'
import { params, vmOrder } from './coordinator-double.ts'

/** A desk whose effects are noted in short: `boot vm1`, `result ok`, `vm1 running`. */
export class Desk {
  readonly state = newDesk('a', new HeldVms(64))
  #nextCommand = 1

  tell(command: { readonly t: Command['t'] } & Record<string, unknown>): string[] {
    const commandId = asCommandId(`c${this.#nextCommand++}`)
    return this.carryOut(
      stepDesk(this.state, { on: 'command', command: { commandId, ...command } as Command }),
    )
  }

  /** What the shell would do, at once and with success. */
  carryOut(effects: readonly DeskEffect[]): string[] {
    return effects.flatMap((effect) => {
      const told = [noted(effect)]
      if (effect.do === 'boot')
        told.push(...this.feed({ on: 'booted', vm: effect.vm, by: effect.by }))
      if (effect.do === 'launch') {
        const { vm, epoch, by } = effect
        told.push(...this.feed({ on: 'launched', vm, epoch, by }))
      }
      if (['pause', 'resume', 'destroy', 'balloon'].includes(effect.do))
        if ('by' in effect && effect.by !== undefined)
          told.push(...this.feed({ on: 'done', by: effect.by }))
      return told
    })
  }

  feed(input: Parameters<typeof stepDesk>[1]): string[] {
    return this.carryOut(stepDesk(this.state, input))
  }

  start(name: string, epoch = 1, spec = {}): string[] {
    return this.tell({ t: 'start', ...vmOrder(name, epoch, { memoryMib: 16, ...spec }) })
  }

  migrate(name: string, to = 'b'): string[] {
    return this.tell({
      t: 'migrate',
      ...of(name, 1),
      migrationId: asMigrationId('m1'),
      nextEpoch: asEpoch(2),
      destination: { nodeId: asNodeId(to), address: 'ws://b' },
      params: params(),
    })
  }

  offer(name: string, epoch: number, more: Partial<Offer> = {}, hasLease = true) {
    const vm = vmOrder(name, epoch, { memoryMib: 16 })
    const offer: Offer = {
      t: 'offer',
      purpose: 'migrate',
      migrationId: asMigrationId('m9'),
      sourceNodeId: asNodeId('b'),
      vms: [vm],
      pageCount: 16 * 256,
      verify: 'incremental',
      ...more,
    }
    const admission = admit(this.state, offer, hasLease)
    return 'fault' in admission ? admission.fault.code : admission.effects.map(noted)
  }

  vm(name: string) {
    const vm = this.state.vms.get(asVmId(name))
    if (!vm) throw new Error(`${name} is not held`)
    return vm
  }

  states(): string[] {
    return this.state.vms.all().map((vm) => `${vm.vmId} ${vm.state} ${vm.epoch}`)
  }
}

export const of = (name: string, epoch: number) => ({ vmId: asVmId(name), epoch: asEpoch(epoch) })

export function noted(effect: DeskEffect): string {
  if (effect.do === 'send')
    return effect.message.t === 'result'
      ? `result ${effect.message.fault?.code ?? 'ok'}`
      : `${effect.message.vmId} ${effect.message.event}`
  if (effect.do === 'begin-source') return `begin ${effect.plan.offer.purpose}`
  if (effect.do === 'tell-source') return `source ${effect.input.on}`
  if (effect.do === 'settle-destination') return 'destination settled'
  if (effect.do === 'drop-snapshot') return `drop ${effect.order.name}`
  if (effect.do === 'boot' && effect.from) return `boot ${effect.vm.vmId} from ${effect.from}`
  if (effect.do === 'sweep-layers') return 'sweep layers'
  if (effect.do === 'merge-layers') return `merge into ${effect.order.into}`
  if (effect.do === 'keep-template') return `keep ${effect.order.kept.vmId}`
  if (effect.do === 'compare-snapshots') return `compare ${effect.order.from}`
  if (effect.do === 'lose-pages') return `lose pages of ${effect.migrationId}`
  return `${effect.do} ${effect.vm.vmId}`
}

export const verdict = (name: string, what: 'run' | 'discard', epoch: number) => ({
  t: 'resolve' as const,
  ...of(name, epoch),
  migrationId: asMigrationId('m9'),
  verdict: what,
})
