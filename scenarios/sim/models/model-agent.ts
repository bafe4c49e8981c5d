// An agent whose VMs are models. What it decides is decided by the very cores of a real one: its
// desk, its lease and membership, its outbox, admission, both ends of a migration. What is left out
// is what only guests need: machines, pages, disks, consoles, screens, the guests' network,
// snapshots, replicas; what is asked of it about those is refused with a fault that says so (see
// docs/decisions/0011-models-of-vms.md). Nothing here waits for a promise but links that are made:
// an alarm or a message is over when its handler returns. Times in ms of its process's clock.

import type { Clock, Env, Listener } from '#env/env.ts'
import { admit } from '#node-agent/admission.ts'
import { limits } from '#node-agent/agent-limits.ts'
import { waysTo } from '#node-agent/coordinator-link.ts'
import { stepDesk } from '#node-agent/desk.ts'
import { type DeskEffect, type DeskInput, type DeskState, newDesk } from '#node-agent/desk-state.ts'
import { isViewMessage } from '#node-agent/guest-views.ts'
import { type HeldVm, HeldVms } from '#node-agent/held-vms.ts'
import { type MemberMessage, Membership } from '#node-agent/membership.ts'
import { answerMsMax } from '#node-agent/migration/protocol.ts'
import { StepDriver } from '#node-agent/step-driver.ts'
import { type Fault, FaultError, fault, faultOf } from '#proto/faults.ts'
import type { CommandId, NodeId, VmId } from '#proto/ids.ts'
import type { Hello, NodeCapacity, Result, VmReport } from '#proto/messages.ts'
import { isTemplateOrder } from '#proto/templates/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { ModelMigrations } from './model-migrations.ts'
import { type ModelledVm, ModelledVms } from './modelled-vms.ts'
import type { Trace } from './traces.ts'

export interface ModelAgentOptions {
  readonly nodeId: NodeId
  readonly incarnation: string
  readonly token: string
  readonly capacity: NodeCapacity
  /** Addresses. */
  readonly coordinators: readonly string[]
  readonly listen: string
  readonly env: Pick<Env, 'clock' | 'random' | 'log' | 'transport'>
  readonly traces: ReadonlyMap<string, Trace>
  replaced(why: Fault): void
  /** It executes from now on, or no more. */
  begins(vm: HeldVm): void
  ends(vm: HeldVm): void
}

export class ModelAgent {
  readonly models: ModelledVms
  readonly #options: ModelAgentOptions
  readonly #clock: Clock
  readonly #desk: DeskState
  readonly #driver: StepDriver<DeskInput, DeskEffect>
  readonly #membership: Membership
  readonly #migrations: ModelMigrations
  /** The node's lease. */
  #runUntilMs = 0
  readonly #executing = new Set<HeldVm>()
  /** Running, but for the lease. */
  readonly #awaitingLease = new Set<ModelledVm>()
  #listener: Listener | undefined
  #isStopped = false
  /** What was said last, while it is true. */
  #reports: readonly VmReport[] | undefined

  constructor(options: ModelAgentOptions) {
    this.#options = options
    const { env, capacity, nodeId } = options
    this.#clock = env.clock
    const { cores, mipsPerCore: mips, memoryMib } = capacity
    this.models = new ModelledVms({ cores, mips }, options.traces)
    this.#desk = newDesk(nodeId, new HeldVms(memoryMib))
    this.#driver = new StepDriver(
      env.clock,
      (input) => stepDesk(this.#desk, input),
      (effect) => this.#carryOut(effect),
    )
    this.#membership = this.#makeMembership()
    this.#migrations = this.#makeMigrations()
  }

  /** Listens for peers, then joins. */
  async start(): Promise<void> {
    const { env, listen } = this.#options
    const take = (link: Parameters<ModelMigrations['take']>[0]) => this.#migrations.take(link)
    this.#listener = await env.transport.listen(listen, limits, take)
    this.#membership.start()
  }

  /** Its VMs are moved away first, if that is what the cluster does then. */
  async leave(): Promise<void> {
    await this.#membership.askLeave()
    if (this.#isStopped) return
    this.#isStopped = true
    this.#feed({ on: 'closing' })
    this.#migrations.close('shutting-down')
    await this.#membership.stop('shutting-down')
    await this.#listener?.close()
  }

  /** What has retired an instruction here, and has not been halted since. */
  get executing(): ReadonlySet<HeldVm> {
    return this.#executing
  }

  /** A guest that panics, if it runs here. */
  crash(vmId: VmId): void {
    const vm = this.#desk.vms.get(vmId)
    if (!vm || !this.models.get(vm)?.isRunning) return
    this.#feed({ on: 'guest-stopped', vm, reason: 'crashed', detail: 'panic: asked for' })
  }

  get copies(): VmReport[] {
    return this.#desk.vms.asExecuting(this.#freshReports(), this.#clock.nowMs())
  }

  get holdings() {
    return { vms: this.#desk.vms.all(), migrations: this.#migrations.underWay, replicas: 0 }
  }

  // ---- the coordinator --------------------------------------------------------------------------

  #makeMembership(): Membership {
    const { nodeId, replaced } = this.#options
    return new Membership({
      ...waysTo(this.#options),
      hello: () => this.#hello('agent'),
      heartbeat: () => {
        const vms = this.#said()
        const { demandPercent: cpuDemandPercent, gotPercent: cpuGotPercent } = this.models
        // Models need no memory of their process.
        return { nodeId, cpuDemandPercent, cpuGotPercent, memoryUsedMib: 0, vms }
      },
      runUntil: (atMs) => {
        this.#runUntilMs = atMs
        if (this.#awaitingLease.size > 0) this.#executeAwaiting()
      },
      leaseLost: () => this.#feed({ on: 'lease-lost' }),
      down: () => undefined,
      replaced,
      beat: () => undefined,
      hear: (message) => this.#hear(message),
    })
  }

  #hello(role: 'agent' | 'peer'): Hello {
    const { nodeId, incarnation, token, capacity, listen } = this.#options
    return {
      ...{ t: 'hello', protocolVersion, role, nodeId, incarnation, pid: 1, token, capacity },
      peerAddress: this.#listener?.address ?? listen,
      vms: role === 'agent' ? this.#freshReports() : [],
    }
  }

  /** The same list as long as it says the same. */
  #said(): VmReport[] {
    if (this.models.lookAt(this.#clock.nowMs())) this.#reports = undefined
    this.#reports ??= this.#freshReports()
    return this.#reports as VmReport[]
  }

  #freshReports(): VmReport[] {
    return this.#desk.vms.reports((vmId) => {
      const vm = this.#desk.vms.get(vmId)
      return vm && this.models.loadOf(vm)
    })
  }

  #hear(message: MemberMessage): void {
    if (isViewMessage(message) || message.t === 'neighbours' || message.t === 'look') return
    if (isTemplateOrder(message)) this.#refuseFiles(message)
    else this.#feed({ on: 'command', command: message })
  }

  #feed(input: DeskInput): void {
    this.#reports = undefined
    this.#driver.feed(input)
    this.#reports = undefined
  }

  // ---- what the desk decides --------------------------------------------------------------------

  #carryOut(effect: DeskEffect) {
    switch (effect.do) {
      case 'boot':
        return this.#boot(effect)
      case 'launch':
        return this.#launch(effect)
      case 'destroy':
        this.#drop(effect.vm)
        return effect.by === undefined ? undefined : this.#feed({ on: 'done', by: effect.by })
      case 'pause':
      case 'strand':
      case 'resume':
        return this.#stir(effect)
      case 'set-lease':
        return this.#setLease(effect)
      case 'set-network':
        return this.#feed({ on: 'done', by: effect.by })
      case 'begin-source':
      case 'tell-source':
      case 'settle-destination':
      case 'lose-pages':
        return this.#migrations.carryOut(effect)
      case 'send':
        return this.#membership.tell(effect.message)
      default:
        return this.#refuse(effect)
    }
  }

  #boot({ vm, by, from, template }: Extract<DeskEffect, { do: 'boot' }>) {
    const failed = (why: Fault) => this.#feed({ on: 'booted', vm, by, fault: why })
    if (from !== undefined || template) return failed(needsGuest('a snapshot or a template'))
    const one = this.#made(vm)
    if ('code' in one) return failed(one)
    this.#clock.wakeAt(this.#clock.nowMs() + one.model.bootMs, () => {
      if (this.models.get(vm) !== one)
        return failed(fault('unknown-vm', 'it was stopped meanwhile'))
      this.#run(one)
      this.#feed({ on: 'booted', vm, by })
    })
  }

  /** A complete copy runs under another epoch. */
  #launch({ vm, epoch, by }: Extract<DeskEffect, { do: 'launch' }>) {
    const one = this.models.get(vm)
    if (!one) {
      const why = fault('unknown-vm', `VM ${vm.vmId} was stopped meanwhile`)
      return this.#feed({ on: 'launched', vm, epoch, by, fault: why })
    }
    this.#run(one)
    this.#feed({ on: 'launched', vm, epoch, by })
  }

  #setLease({ vm, by }: { readonly vm: HeldVm; readonly by: CommandId }): void {
    const one = this.models.get(vm)
    if (one) this.#execute(one)
    this.#feed({ on: 'done', by })
  }

  #stir({ do: what, vm, by }: Extract<DeskEffect, { do: 'pause' | 'strand' | 'resume' }>): void {
    const one = this.models.get(vm)
    if (one && what === 'resume') this.#run(one)
    else if (one) this.#halt(one)
    if (by !== undefined) this.#feed({ on: 'done', by })
  }

  #refuse(effect: DeskEffect): void {
    if (effect.do === 'replicate') {
      // It was answered: that there is none, the next report says.
      effect.vm.replica = undefined
      this.#reports = undefined
    } else if (effect.do === 'take-over') {
      const { vm, epoch, by } = effect
      this.#feed({ on: 'launched', vm, epoch, by, fault: needsGuest('a replica') })
    } else if (effect.do === 'take-snapshot') {
      const { vm, order } = effect
      const result: Result = { t: 'result', commandId: order.commandId }
      this.#feed({
        on: 'snapshot-ended',
        vm,
        result: { ...result, fault: needsGuest('a snapshot') },
      })
    } else if (effect.do === 'swap-layers') {
      const { vm, order } = effect
      vm.swapping = false
      this.#feed({ on: 'done', by: order.commandId, fault: needsGuest('a disk of layers') })
    } else if ('by' in effect && effect.by !== undefined)
      this.#feed({ on: 'done', by: effect.by, fault: needsGuest(`\`${effect.do}\``) })
    else if (effect.do === 'sweep-layers')
      // There are no disks: nothing is left of any.
      this.#feed({ on: 'done', by: effect.order.commandId })
    else if ('order' in effect)
      this.#feed({ on: 'done', by: effect.order.commandId, fault: needsGuest(`\`${effect.do}\``) })
  }

  #refuseFiles({ commandId }: { readonly commandId?: Result['commandId'] }): void {
    if (commandId === undefined) return
    this.#membership.tell({ t: 'result', commandId, fault: needsGuest('a template') })
  }

  #made(vm: HeldVm): ModelledVm | Fault {
    try {
      return this.models.add(vm)
    } catch (thrown) {
      if (thrown instanceof FaultError) return faultOf(thrown)
      throw thrown
    }
  }

  #run(one: ModelledVm): void {
    this.models.run(one, this.#clock.nowMs())
    this.#execute(one)
    this.#reports = undefined
  }

  /** As a pCPU does, it looks at the lease before the first instruction. */
  #execute(one: ModelledVm): void {
    const { vm, isRunning } = one
    if (!isRunning || this.#executing.has(vm)) return
    const mayExecute = !vm.spec.ha || this.#clock.nowMs() < this.#runUntilMs
    if (!mayExecute) return void this.#awaitingLease.add(one)
    this.#awaitingLease.delete(one)
    this.#executing.add(vm)
    this.#options.begins(vm)
  }

  #executeAwaiting(): void {
    for (const one of [...this.#awaitingLease])
      if (this.models.get(one.vm) === one) this.#execute(one)
      else this.#awaitingLease.delete(one)
  }

  #stand(vm: HeldVm): void {
    if (this.#executing.delete(vm)) this.#options.ends(vm)
  }

  #halt(one: ModelledVm): void {
    this.#stand(one.vm)
    this.models.halt(one, this.#clock.nowMs())
    this.#reports = undefined
  }

  #drop(vm: HeldVm): void {
    this.#stand(vm)
    this.models.remove(vm, this.#clock.nowMs())
    this.#reports = undefined
  }

  // ---- migrations -------------------------------------------------------------------------------

  #makeMigrations(): ModelMigrations {
    const { env, token } = this.#options
    return new ModelMigrations({
      ...{ clock: env.clock, log: env.log, token, models: this.models, vms: this.#desk.vms },
      connect: (address) => env.transport.connect(address, limits, answerMsMax),
      hello: () => this.#hello('peer'),
      welcome: () => this.#membership.welcomePeer(),
      admit: (offer) => {
        const admission = admit(this.#desk, offer, this.#membership.holdsLease)
        if ('effects' in admission) this.#driver.carryOut(admission.effects)
        this.#reports = undefined
        return admission
      },
      mayLaunch: (vm) => this.#mayLaunch(vm),
      desk: (input) => this.#feed(input),
      progress: (message) => this.#membership.send(message),
      tell: (news) => this.#membership.tell(news),
      run: (one) => this.#run(one),
      halt: (one) => this.#halt(one),
      drop: (vm) => this.#drop(vm),
      changed: () => {
        this.#reports = undefined
      },
    })
  }

  #mayLaunch(vm: HeldVm): Fault | undefined {
    if (!vm.spec.ha || (this.#membership.holdsLease && !vm.needsVerdict)) return undefined
    const { nodeId } = this.#options
    const text = `node ${nodeId} has no lease that covers ${vm.vmId}: only the coordinator may run it`
    return fault('lease-lost', text)
  }
}

const needsGuest = (what: string): Fault =>
  fault(
    'bad-request',
    `${what} is of a real guest: a modelled VM has none; use a world with guests`,
  )
