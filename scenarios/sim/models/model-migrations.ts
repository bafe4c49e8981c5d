// The migrations under way at a node of models, both ends. Greetings and offers are taken by the
// very session of a real agent (node-agent/peer-session.ts). Not here: decisions.

import type { Clock, Log } from '#env/env.ts'
import type { DeskEffect, DeskInput } from '#node-agent/desk-state.ts'
import type { HeldVm, HeldVms } from '#node-agent/held-vms.ts'
import type { SourcePlan } from '#node-agent/migration/source-state.ts'
import { PeerSession } from '#node-agent/peer-session.ts'
import { type Fault, FaultError, fault } from '#proto/faults.ts'
import type { MigrationId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type {
  MigrationProgress,
  Offer,
  Result,
  SourceMessage,
  VmEvent,
  Welcome,
} from '#proto/messages.ts'
import type { MessageLink } from '#proto/wire.ts'
import { ModelDestination } from './model-destination.ts'
import { ModelSource } from './model-source.ts'
import type { ModelledVm, ModelledVms } from './modelled-vms.ts'

type MigrationEffect = Extract<
  DeskEffect,
  { do: 'begin-source' | 'tell-source' | 'settle-destination' | 'lose-pages' }
>

export interface ModelMigrationPorts {
  readonly clock: Clock
  readonly log: Log
  readonly token: string
  readonly models: ModelledVms
  readonly vms: HeldVms
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
  welcome(): Welcome
  admit(offer: Offer): { readonly admitted: readonly HeldVm[] } | { readonly fault: Fault }
  mayLaunch(vm: HeldVm): Fault | undefined
  desk(input: DeskInput): void
  progress(message: MigrationProgress): void
  /** Kept until the coordinator has it. */
  tell(news: Result | VmEvent): void
  run(one: ModelledVm): void
  halt(one: ModelledVm): void
  /** It is not held any more. */
  drop(vm: HeldVm): void
  /** What is said of a VM is another. */
  changed(): void
}

export class ModelMigrations {
  readonly #ports: ModelMigrationPorts
  readonly #sources = new Map<MigrationId, ModelSource>()
  readonly #destinations = new Map<MigrationId, ModelDestination>()
  readonly #sessions = new Set<PeerSession>()

  constructor(ports: ModelMigrationPorts) {
    this.#ports = ports
  }

  /** Runs and links that have not ended. */
  get underWay(): number {
    return this.#sources.size + this.#destinations.size + this.#sessions.size
  }

  carryOut(effect: MigrationEffect): void {
    if (effect.do === 'begin-source') this.#beginSource(effect.plan)
    else if (effect.do === 'tell-source') this.#tellSource(effect)
    else if (effect.do === 'lose-pages')
      this.#destinations.get(effect.migrationId)?.feed({ on: 'source-lost', fault: effect.fault })
    else this.#destinations.get(effect.migrationId)?.feed({ on: 'settled' })
  }

  /** Another node has connected. */
  take(link: MessageLink): void {
    const { clock, log, token, welcome, admit } = this.#ports
    const session = new PeerSession(link, {
      ...{ clock, log, token, welcome, admit },
      open: async (offer, [vm], own) => this.#open(offer, vm, own),
      reconnect: ({ migrationId, vmId, epoch }) => {
        const run = this.#destinations.get(migrationId)
        const [target] = run?.state.offer.vms ?? []
        const isIt = target?.vmId === vmId && target.epoch === epoch
        return isIt && run?.state.isPartial ? run : undefined
      },
      join: () => undefined,
      discard: (vm, why) => this.#discard(vm, why),
      admitReplica: () => ({ fault: noReplicas }),
      openReplica: () => Promise.reject(new FaultError(noReplicas)),
      trunk: () => ({ receive: () => undefined, closed: () => undefined }),
      closed: () => this.#sessions.delete(session),
    })
    this.#sessions.add(session)
  }

  close(reason: string): void {
    for (const session of this.#sessions) session.close(reason)
  }

  #beginSource(plan: SourcePlan): void {
    const { clock, models, vms, connect, hello, desk, progress, run, tell, changed } = this.#ports
    const vm = vms.get(plan.vmId)
    const one = vm && models.get(vm)
    if (!vm || !one) return
    const { migrationId, commandId, offer } = plan
    if (offer.purpose === 'clone') {
      desk({ on: 'answered', result: { t: 'result', commandId, fault: noClones } })
      desk({ on: 'migration-ended', migrationId })
      return
    }
    const source = new ModelSource(plan, one, {
      ...{ clock, models, connect, hello, progress },
      goOn: run,
      halted: (of) => this.#ports.halt(of),
      release: (owesPages) => {
        vms.becomeReleased(vm, owesPages)
        changed()
      },
      serving: () => {
        vms.becomeServing(vm)
        changed()
      },
      leave: () => this.#leave(vm),
      doubt: () => tell({ t: 'vm-event', vmId: vm.vmId, epoch: vm.epoch, event: 'released' }),
      answer: (result) => desk({ on: 'answered', result }),
      ended: () => {
        this.#sources.delete(migrationId)
        desk({ on: 'migration-ended', migrationId })
      },
    })
    this.#sources.set(migrationId, source)
    source.begin()
  }

  #tellSource({ migrationId, input }: Extract<MigrationEffect, { do: 'tell-source' }>): void {
    this.#sources.get(migrationId)?.feed(input)
  }

  #open(offer: Offer, vm: HeldVm | undefined, session: PeerSession): ModelDestination {
    invariant(vm, 'a migration moves something')
    const { clock, models, vms, mayLaunch, desk, run, changed } = this.#ports
    const one = models.add(vm)
    const destination = new ModelDestination(offer, vm, session, {
      clock,
      prepared: () => {
        vms.becomePrepared(vm)
        changed()
      },
      launch: (_, ranMs) => {
        const refused = mayLaunch(vm)
        if (refused) return refused
        one.ranMs = ranMs
        vm.launching = vm.epoch
        run(one)
        desk({ on: 'launched', vm, epoch: vm.epoch })
        return undefined
      },
      lost: (of, { message: detail }) =>
        desk({ on: 'guest-stopped', vm: of, reason: 'pages-lost', detail }),
      discard: (of, why) => this.#discard(of, why),
      ended: () => this.#destinations.delete(offer.migrationId),
    })
    this.#destinations.set(offer.migrationId, destination)
    return destination
  }

  /** The VM runs elsewhere. */
  #leave(vm: HeldVm): void {
    if (this.#ports.vms.get(vm.vmId) !== vm) return
    this.#ports.vms.forget(vm)
    this.#ports.drop(vm)
  }

  #discard(vm: HeldVm, why: Fault): void {
    if (this.#ports.vms.get(vm.vmId) !== vm) return
    this.#leave(vm)
    const { vmId, epoch } = vm
    this.#ports.tell({ t: 'vm-event', vmId, epoch, event: 'discarded', fault: why })
  }
}

const noReplicas = fault('bad-request', 'a modelled VM has no replica: use a world with guests')
const noClones = fault('bad-request', 'a modelled VM is not cloned: run more of the same model')
