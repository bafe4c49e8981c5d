// What somebody gets to see of what the API shows: only VMs that they may see, only what happened
// to those, and of the nodes no more than that these VMs are there. Who is no operator sees no
// guest's random seed either. Pure: views in, views out; for an operator the very same ones.
// Not here: which route shows what (shell/guards.ts).

import { type Action, type Identity, may, type Owned } from '#proto/accounts.ts'
import type {
  ClusterView,
  EventView,
  MigrationView,
  NodeView,
  TemplateView,
  VmView,
} from '#proto/api.ts'
import type { Fault } from '#proto/faults.ts'
import { haSettingsDefault } from '#proto/ha.ts'
import { asMigrationId, asVmId } from '#proto/ids.ts'
import { powerSettingsDefault } from '#proto/power.ts'
import type { QuotaView } from '#proto/quotas.ts'
import type { ClusterState, Vm } from '../core/cluster-state.ts'

export const ownedVm = ({ id, identity, owner }: Vm): Owned => ({
  ...{ id, instanceId: identity.instanceId, owner },
})

/** What one identity sees of one state of the cluster. */
export class Sight {
  readonly #who: Identity
  readonly #state: ClusterState
  /** VM → the seq of the event that ended the last VM of that name. */
  #removedAt: ReadonlyMap<string, number> | undefined

  constructor(who: Identity, state: ClusterState) {
    this.#who = who
    this.#state = state
  }

  /** Nothing is hidden: views pass as they are. */
  get isWhole(): boolean {
    return this.#who.role === 'operator' && this.#who.limits === undefined
  }

  mayOn(action: Action, vmId: string): boolean {
    const vm = this.#state.vms.get(asVmId(vmId))
    return vm !== undefined && may(this.#who, action, ownedVm(vm))
  }

  cluster = (view: ClusterView): ClusterView => {
    if (this.isWhole) return view
    const vms = this.vms(view.vms)
    const migrations = this.migrations(view.migrations)
    const events = this.events(view.events)
    if (may(this.#who, 'see-cluster')) return { ...view, vms, migrations, events }
    const { quotas: all, groups: _, leader: __, ...shown } = view
    const quotas = all?.filter((quota) => this.#isOwn(quota))
    const power = { settings: powerSettingsDefault, watts: 0, joules: 0, joulesAllOn: 0, nodes: [] }
    const nodes = nodesOf(view.nodes, vms, migrations)
    const seen = { nodes, vms, migrations, events, ...(quotas && { quotas }) }
    const none = { rules: [], ha: haSettingsDefault, power }
    return { ...shown, ...seen, ...none }
  }

  /** A link or a token to one VM shows nothing of how much its owner has. */
  #isOwn({ person }: QuotaView): boolean {
    return person === this.#who.name && this.#who.limits === undefined
  }

  vms = (views: readonly VmView[]): VmView[] =>
    views.filter(({ id }) => this.mayOn('see', id)).map(this.vm)

  vm = (view: VmView): VmView => {
    if (this.isWhole) return view
    const { clonedFrom, policy, ownPolicy, fault, ...shown } = view
    const seesParent = clonedFrom !== undefined && this.mayOn('see', clonedFrom)
    const seesAll = may(this.#who, 'see-cluster')
    const after = policy?.after.filter((id) => seesAll || this.mayOn('see', id)) ?? []
    // Whom it waits for is told in its fault.
    const waitsForOthers =
      fault?.code === 'wrong-state' && after.length < (policy?.after.length ?? 0)
    const isMine = this.mayOn('use', view.id)
    const identity = isMine ? view.identity : { ...view.identity, randomSeed: '0'.repeat(64) }
    return {
      ...shown,
      identity,
      ...(seesParent && { clonedFrom }),
      ...(policy && { policy: { ...policy, after } }),
      ...(ownPolicy && seesAll && { ownPolicy }),
      ...(fault && {
        fault: waitsForOthers ? { ...fault, message: waits } : this.#faultShown(fault),
      }),
    }
  }

  migrations = (views: readonly MigrationView[]): MigrationView[] =>
    this.isWhole ? [...views] : views.filter(this.#seesMigration).map(this.migration)

  /** Those of a VM that had this name before are not this VM's. */
  #seesMigration = ({ id, vmId }: MigrationView): boolean => {
    const { migrations, vms } = this.#state
    const begun = migrations.get(asMigrationId(id))?.serial ?? 0
    return this.mayOn('see', vmId) && begun > (vms.get(asVmId(vmId))?.serial ?? Infinity)
  }

  migration = (view: MigrationView): MigrationView => {
    if (may(this.#who, 'see-cluster')) return view
    const { why: _, cause: __, ...shown } = view
    const cloneIds = view.cloneIds.filter((id) => this.mayOn('see', id))
    return { ...shown, cloneIds, cause: 'cluster' }
  }

  events = (views: readonly EventView[]): EventView[] => {
    if (this.isWhole) return [...views]
    if (may(this.#who, 'see-cluster')) return views.filter(({ kind }) => kind !== 'access')
    return views.filter((event) => this.#seesEvent(event)).map(withoutReason)
  }

  #seesEvent({ kind, vmId, seq }: EventView): boolean {
    if (vmId === undefined || !/^(vm|migration|clone|snapshot)-/.test(kind)) return false
    return this.mayOn('see', vmId) && seq > (this.#removed().get(vmId) ?? 0)
  }

  #removed(): ReadonlyMap<string, number> {
    const gone = this.#state.events.filter(({ kind }) => kind === 'vm-removed')
    this.#removedAt ??= new Map(gone.map(({ vmId, seq }) => [vmId ?? '', seq]))
    return this.#removedAt
  }

  /** One that nobody owns is for everybody. */
  templates = (views: readonly TemplateView[]): TemplateView[] =>
    views.filter((view) => this.mayBeginFrom(view))

  mayBeginFrom({ name, owner }: Pick<TemplateView, 'name' | 'owner'>): boolean {
    if (this.#who.limits?.vm) return false
    return owner === undefined || may(this.#who, 'see', { id: name, owner })
  }

  #faultShown = (fault: Fault): Fault =>
    fault.code === 'against-rule' && !may(this.#who, 'see-cluster')
      ? { ...fault, message: others }
      : fault
}

const others = 'a rule of the cluster forbids it: ask an operator'
const waits = 'it starts after others, of which one does not run yet: ask an operator'

/** Why a VM moves may name a rule, and others that it is about. */
const withoutReason = (event: EventView): EventView =>
  event.kind === 'migration-queued'
    ? { ...event, text: event.text.replace(/ \(.*\)$/s, '') }
    : event

/** That their VMs are there, how large it is, and what of it is theirs: no more of a node. */
function nodesOf(
  nodes: readonly NodeView[],
  vms: readonly VmView[],
  migrations: readonly MigrationView[],
): NodeView[] {
  const open = migrations.filter(({ endedAtMs }) => endedAtMs === undefined)
  const ids = [...vms.map(({ nodeId }) => nodeId), ...open.flatMap(({ from, to }) => [from, to])]
  return nodes
    .filter(({ id }) => ids.includes(id))
    .map(({ id, phase, power, capacity }) => {
      const there = vms.filter(({ nodeId }) => nodeId === id)
      const sum = (of: (vm: VmView) => number | undefined) =>
        there.reduce((all, vm) => all + (of(vm) ?? 0), 0)
      return {
        ...{ id, phase, power, capacity, vmCount: there.length },
        ...{ peerAddress: '', pid: 0, leaseLeftMs: 0, memoryUsedMib: 0 },
        cpuDemandPercent: sum(({ load }) => load?.cpuDemandPercent),
        cpuGotPercent: sum(({ load }) => load?.cpuGotPercent),
        memoryReservedMib: sum(({ spec }) => spec.memoryMib),
      }
    })
}
