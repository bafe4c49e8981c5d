// The coordinator's API on a FakeCluster: what a command does, how long it takes, and what a
// console carries. A migration takes 300 ms of virtual time and moves nothing but an epoch.

import type { MigrationView, VmView } from '#proto/api.ts'
import { fault } from '#proto/faults.ts'
import { haSettingsDefault } from '#proto/ha.ts'
import { VmSpec } from '#proto/vm-spec.ts'
import type {
  ApiClient,
  CloneInput,
  ConsoleHandlers,
  MigrateInput,
  RunInput,
  VmVerb,
} from '#scenarios/api-client.ts'
import { type FakeCluster, type FakeVm, refuse } from './fake-cluster.ts'
import { noPower } from './no-power.ts'

const migrationMs = 300

const noHa = {
  settings: haSettingsDefault,
  ...{ tolerated: 0, spareMib: 0, shortages: [], rules: [], groups: [] },
}

type Asked = <A extends unknown[], T>(fn: (...args: A) => T) => (...args: A) => Promise<T>

/** It knows nothing of high availability, and says so politely. */
const fakeHa = (asked: Asked, cluster: FakeCluster) => ({
  relocate: asked((vmId: string) => cluster.vm(vmId).view),
  fence: asked((id: string) => cluster.nodeView(cluster.node(id))),
  ...{ power: asked(() => noPower), setPower: asked(() => noPower) },
  sleepOrWake: asked(() => noPower),
  ha: asked(() => noHa),
  store: asked(() => ({ kind: 'file' as const, members: [] })),
  coordinators: asked(() => []),
  setHa: asked(() => noHa),
  setPolicy: asked((vmId: string) => cluster.vm(vmId).view),
  ...{ setGroup: asked(() => noHa), dropGroup: asked(() => noHa) },
  merge: asked((vmId: string) => cluster.vm(vmId).view),
  setRule: asked(() => noHa),
  dropRule: asked(() => noHa),
  why: asked((vmId: string) => ({
    ...{ vmId, now: 'it runs' },
    ...{ bound: [], nodes: [], mend: [], story: [] },
  })),
})

const refuseToBreak = async (): Promise<never> => {
  throw refuse('wrong-state', 'A fake cluster is broken by its world.')
}
const noLaboratory = {
  ...{ laboratory: refuseToBreak, breakNode: refuseToBreak, copies: refuseToBreak },
}

export class FakeApi {
  readonly #cluster: FakeCluster

  constructor(cluster: FakeCluster) {
    this.#cluster = cluster
  }

  client(): ApiClient {
    const asked = <A extends unknown[], T>(fn: (...args: A) => T) => {
      return async (...args: A): Promise<T> => {
        if (!this.#cluster.coordinatorAlive) throw refuse('link-lost', 'The coordinator is away.')
        return fn(...args)
      }
    }
    return {
      cluster: asked(() => this.#cluster.view()),
      nodes: asked(() => this.#cluster.view().nodes),
      node: asked((id) => this.#cluster.nodeView(this.#cluster.node(id))),
      vms: asked(() => this.#cluster.view().vms),
      vm: asked((id) => this.#cluster.vm(id).view),
      run: asked((request) => this.#run(request)),
      migrate: asked((vmId, request) => this.#migrate(this.#cluster.vm(vmId), request)),
      forecast: asked((vmId, { to }) => ({ vmId, from: 'a', to: to ?? 'b' })),
      clone: asked((vmId, request) => this.#clone(this.#cluster.vm(vmId), request)),
      act: asked((vmId, verb) => this.#act(this.#cluster.vm(vmId), verb)),
      balloon: asked((vmId) => this.#cluster.vm(vmId).view),
      remove: asked((vmId) => void this.#cluster.vms.delete(vmId)),
      snapshots: asked(() => []),
      templates: asked(() => []),
      keepTemplate: asked(() => {
        throw refuse('wrong-state', 'A fake VM has no state to keep.')
      }),
      dropTemplate: asked((name) => {
        throw refuse('unknown-snapshot', `There is no template ${name}.`)
      }),
      snapshot: asked(() => {
        throw refuse('wrong-state', 'A fake VM has no state to take.')
      }),
      dropSnapshot: asked((_vmId, name) => {
        throw refuse('unknown-snapshot', `There is no snapshot ${name}.`)
      }),
      compareSnapshots: asked((_vmId, name) => {
        throw refuse('unknown-snapshot', `There is no snapshot ${name}.`)
      }),
      restore: asked((_vmId, name) => {
        throw refuse('unknown-snapshot', `There is no snapshot ${name}.`)
      }),
      migrations: asked(() => [...this.#cluster.migrations]),
      migration: asked(
        (id) => this.#cluster.migrations.find((one) => one.id === id) as MigrationView,
      ),
      pageLog: asked(() => {
        throw refuse('wrong-state', 'Nothing was written down.')
      }),
      evacuate: asked((id) => this.#cluster.nodeView(this.#cluster.node(id))),
      returnNode: asked((id) => this.#cluster.nodeView(this.#cluster.node(id))),
      postCopy: asked(() => {
        throw refuse('wrong-state', 'Too late.')
      }),
      cancel: asked(() => {
        throw refuse('wrong-state', 'Too late.')
      }),
      rebalance: asked(() => this.#rebalance()),
      ...{ ...noLaboratory, ...fakeHa(asked, this.#cluster) },
      events: asked(() => [...this.#cluster.events]),
      watch: asked((handlers) => {
        this.#cluster.watchers.add(handlers)
        queueMicrotask(() => handlers.onView(this.#cluster.view()))
        return { close: () => void this.#cluster.watchers.delete(handlers) }
      }),
      screen: asked(() => {
        throw refuse('wrong-state', 'A fake VM has no screen.')
      }),
      console: asked((vmId, { replay }, handlers) => this.#console(vmId, replay, handlers)),
    }
  }

  #run({ id, spec, startOn }: RunInput): VmView {
    if (this.#cluster.vms.has(id)) throw refuse('name-taken', `There is a VM ${id}.`)
    const full = VmSpec.parse(spec ?? {})
    const where = startOn ?? this.#cluster.placeFor(full)
    const vm = this.#cluster.newVm(id, full, where, { values: new Map(), sequence: 0 })
    this.#cluster.after(200, () => this.#cluster.boot(vm))
    return vm.view
  }

  #migrate(vm: FakeVm, { to, cause }: MigrateInput): MigrationView {
    if (vm.view.phase !== 'running') throw refuse('wrong-state', `${vm.view.id} does not run.`)
    const from = vm.view.nodeId ?? ''
    const there = to ?? this.#cluster.placeFor(vm.view.spec, from) ?? from
    const index = this.#begin('migrate', vm, there, [], cause ?? 'operator')
    vm.view = { ...vm.view, phase: 'migrating' }
    this.#cluster.after(migrationMs, () => this.#switchOver(vm, index))
    return this.#cluster.migrations[index] as MigrationView
  }

  #switchOver(vm: FakeVm, index: number): void {
    const { from, to } = this.#cluster.migrations[index] as MigrationView
    const [source, destination] = [this.#cluster.node(from), this.#cluster.node(to)]
    if (source.alive) vm.view = { ...vm.view, phase: 'running' }
    if (source.alive && this.#cluster.responds(destination)) {
      const epoch = vm.view.epoch + 1
      source.copies.delete(vm.view.id)
      destination.copies.set(vm.view.id, epoch)
      vm.view = { ...vm.view, epoch, nodeId: to }
      this.#end(index, 'done')
    } else this.#end(index, 'failed')
  }

  #clone(parent: FakeVm, { ids, to }: CloneInput) {
    const there = to ?? parent.view.nodeId ?? ''
    const index = this.#begin('clone', parent, there, ids, 'operator')
    const vms = ids.map((id) => {
      const disk = { values: new Map(parent.disk.values), sequence: parent.disk.sequence }
      return this.#cluster.newVm(id, parent.view.spec, there, disk, parent)
    })
    this.#cluster.after(migrationMs, () => {
      for (const vm of vms) this.#cluster.boot(vm)
      this.#end(index, 'done')
    })
    const migration = this.#cluster.migrations[index] as MigrationView
    return { migration, vms: vms.map((vm) => vm.view) }
  }

  #begin(purpose: 'migrate' | 'clone', vm: FakeVm, to: string, ids: string[], cause: string) {
    const id = `m${this.#cluster.migrations.length + 1}`
    this.#cluster.migrations.push({
      ...{ id, purpose, vmId: vm.view.id, cloneIds: ids, from: vm.view.nodeId ?? '', to, cause },
      ...{ phase: 'copying', round: 0, sentPages: 0, pagesOfRound: 0, bytes: 0 },
      queuedAtMs: this.#cluster.clock.nowMs(),
    })
    return this.#cluster.migrations.length - 1
  }

  #end(index: number, phase: 'done' | 'failed'): void {
    const migration = this.#cluster.migrations[index] as MigrationView
    const round = { round: 0, pages: 4096, zeroPages: 0, bytes: 16 << 20, ms: 250, dirtyPages: 10 }
    const rest = { ...round, round: 1, pages: 10, bytes: 40_960, ms: 5, dirtyPages: 0 }
    const record = {
      ...{ rounds: [round, rest], bytes: (16 << 20) + 40_960, pages: 4106, zeroPages: 0 },
      ...{ totalMs: migrationMs, downtimeMs: 6.5, hash: '0123456789abcdef' },
    }
    const why = { fault: fault('link-lost', `Node ${migration.to} was lost.`) }
    const outcome = phase === 'done' ? { record } : why
    this.#cluster.migrations[index] = {
      ...migration,
      phase,
      endedAtMs: this.#cluster.clock.nowMs(),
      ...outcome,
    }
    this.#cluster.event(
      phase === 'done' ? 'migration-done' : 'migration-failed',
      `${migration.id} ${phase}`,
    )
  }

  #act(vm: FakeVm, verb: VmVerb): VmView {
    const phases = {
      pause: 'paused',
      resume: 'running',
      stop: 'stopped',
      start: 'running',
    } as const
    if (verb === 'stop') this.#cluster.node(vm.view.nodeId ?? '').copies.delete(vm.view.id)
    vm.view = { ...vm.view, phase: phases[verb] }
    this.#cluster.changed()
    return vm.view
  }

  /** One move, from the node with most load to the one with least. */
  #rebalance() {
    const nodes = this.#cluster.view().nodes.filter((node) => node.phase === 'online')
    nodes.sort((a, b) => b.cpuDemandPercent - a.cpuDemandPercent)
    const [most, least] = [nodes[0], nodes.at(-1)]
    const vm = [...this.#cluster.vms.values()].find(
      ({ view }) => view.nodeId === most?.id && view.phase === 'running',
    )
    const scores = { scoreBefore: 1, scoreAfter: 0 }
    if (!most || !least || !vm || most === least) return { ...scores, moves: [] }
    this.#migrate(vm, { to: least.id, cause: 'rebalance' })
    const move = { vmId: vm.view.id, from: most.id, to: least.id, why: 'the load' }
    return { ...scores, moves: [move] }
  }

  #console(vmId: string, replay: boolean, handlers: ConsoleHandlers) {
    const vm = this.#cluster.vm(vmId)
    vm.listeners.add(handlers)
    const bytes = new TextEncoder().encode(replay ? vm.output : '')
    queueMicrotask(() => {
      handlers.onHeader({ vmId, epoch: vm.view.epoch, offset: 0 })
      if (bytes.length > 0) handlers.onOutput(bytes)
    })
    return {
      send: (input: Uint8Array) => {
        // A guest whose node is gone or frozen hears nothing: the input is lost.
        const node = this.#cluster.nodes.get(vm.view.nodeId ?? '')
        if (node && this.#cluster.responds(node) && !node.cut && node.copies.has(vmId))
          vm.guest.hear(input)
      },
      close: () => void vm.listeners.delete(handlers),
    }
  }
}
