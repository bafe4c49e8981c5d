// The coordinator's HTTP and WebSocket API (proto/api.ts) as a typed client: the runner's, the
// CLI's, the tests'. ApiClient is the port; HttpApiClient speaks it over the fetch and WebSocket
// that Node and browsers share. Not here: reconnecting and retrying, which need a clock and a
// policy (see console-line.ts, cluster-watch.ts). Every refusal is thrown as FaultError; a
// coordinator that does not answer is the fault `link-lost`.

import { z } from 'zod'
import {
  type CloneRequest,
  CloneView,
  ClusterView,
  ConsoleHeader,
  EventView,
  ForecastView,
  type MigrateRequest,
  MigrationView,
  NodeView,
  Problem,
  RebalanceView,
  type RunRequest,
  type SnapshotRequest,
  SnapshotView,
  type TemplateRequest,
  TemplateView,
  VmView,
} from '#proto/api.ts'
import { CoordinatorPlace } from '#proto/coordinator-place.ts'
import { FaultError, fault } from '#proto/faults.ts'
import {
  type HaGroupInput,
  type HaPolicyChange,
  type HaRuleInput,
  type HaSettingsChange,
  HaView,
  WhyView,
} from '#proto/ha.ts'
import { jsonOf } from '#proto/json.ts'
import { type BreakRequest, LaboratoryCopies, LaboratoryView } from '#proto/laboratory.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { PageLog } from '#proto/page-log.ts'
import { type PowerSettingsChange, PowerView } from '#proto/power.ts'
import { ScreenHeader } from '#proto/screen.ts'
import { SnapshotComparison } from '#proto/snapshots.ts'
import { StoreView } from '#proto/store-view.ts'
import { type ApiWire, type ConsoleSession, type Subscription, WebWire } from './api-wire.ts'

export type { ApiWire, ConsoleSession, Subscription }

export type RunInput = z.input<typeof RunRequest>
export type MigrateInput = z.input<typeof MigrateRequest>
export type CloneInput = z.input<typeof CloneRequest>
export type VmVerb = 'pause' | 'resume' | 'stop' | 'start'

export interface WatchHandlers {
  onView(view: ClusterView): void
  /** Called once, whoever closed it. After it nothing arrives. */
  onClose(reason: string): void
}

export interface ConsoleHandlers {
  /** At the start, and again whenever the guest's output begins anew (a recovery boots the VM). */
  onHeader(header: z.infer<typeof ConsoleHeader>): void
  onOutput(bytes: Uint8Array): void
  onClose(reason: string): void
}

export interface ScreenHandlers {
  /** At the start, and again whenever another node runs the VM. */
  onHeader(header: ScreenHeader): void
  /** The bytes of a frame (proto/screen-frame.ts): the next comes when it is said to be shown. */
  onFrame(bytes: Uint8Array): void
  onClose(reason: string): void
}

export interface ApiClient {
  cluster(): Promise<ClusterView>
  nodes(): Promise<NodeView[]>
  node(id: string): Promise<NodeView>
  vms(): Promise<VmView[]>
  vm(id: string): Promise<VmView>
  run(request: RunInput): Promise<VmView>
  migrate(vmId: string, request: MigrateInput): Promise<MigrationView>
  /** Cold: it is stopped, and boots on another node. */
  relocate(vmId: string, to?: string): Promise<VmView>
  /** How a migration would go; nothing is moved. */
  forecast(vmId: string, request: MigrateInput): Promise<ForecastView>
  clone(vmId: string, request: CloneInput): Promise<z.infer<typeof CloneView>>
  act(vmId: string, verb: VmVerb): Promise<VmView>
  /** Leaves the guest so much of its memory; what it has given up is in the VM's load. */
  balloon(vmId: string, memoryMib: number): Promise<VmView>
  remove(vmId: string): Promise<void>
  snapshots(vmId: string): Promise<SnapshotView[]>
  snapshot(vmId: string, request: z.infer<typeof SnapshotRequest>): Promise<SnapshotView>
  dropSnapshot(vmId: string, name: string): Promise<SnapshotView>
  /** What differs from one snapshot of a VM to another one. */
  compareSnapshots(vmId: string, from: string, to: string): Promise<SnapshotComparison>
  /** The answer is from before: it goes on under an epoch above that one. */
  restore(vmId: string, snapshot: string): Promise<VmView>
  /** Its disk's sealed layers become one. */
  merge(vmId: string): Promise<VmView>
  templates(): Promise<TemplateView[]>
  /** A snapshot is kept as a template, apart from its VM. */
  keepTemplate(request: z.input<typeof TemplateRequest>): Promise<TemplateView>
  dropTemplate(name: string): Promise<TemplateView>
  migrations(): Promise<MigrationView[]>
  migration(id: string): Promise<MigrationView>
  /** Page by page, of a migration that has ended and was to be written down. */
  pageLog(migrationId: string): Promise<PageLog>
  cancel(migrationId: string): Promise<MigrationView>
  /** Pre-copy goes on as post-copy at once. */
  postCopy(migrationId: string): Promise<MigrationView>
  /** Its VMs leave, and nothing goes there until it returns. */
  evacuate(nodeId: string, params?: Partial<MigrationParams>): Promise<NodeView>
  returnNode(nodeId: string): Promise<NodeView>
  /** It runs nothing any more: by the device, or by an operator's word that it is off. */
  fence(nodeId: string, off: boolean): Promise<NodeView>
  rebalance(): Promise<z.infer<typeof RebalanceView>>
  power(): Promise<PowerView>
  setPower(change: PowerSettingsChange): Promise<PowerView>
  /** Into standby, or out of it. */
  sleepOrWake(nodeId: string, verb: 'sleep' | 'wake'): Promise<PowerView>
  /** High availability: settings, spare capacity, rules and what is not kept. */
  ha(): Promise<HaView>
  store(): Promise<StoreView>
  /** The others of several that have an address for browsers. */
  coordinators(): Promise<CoordinatorPlace[]>
  setHa(change: HaSettingsChange): Promise<HaView>
  /** How a VM is kept running; what is not named stays as it is. */
  setPolicy(vmId: string, change: HaPolicyChange): Promise<VmView>
  setGroup(group: HaGroupInput): Promise<HaView>
  dropGroup(name: string): Promise<HaView>
  setRule(rule: HaRuleInput): Promise<HaView>
  dropRule(name: string): Promise<HaView>
  /** Why a VM is where it is, or nowhere, and what would have to change. */
  why(vmId: string): Promise<WhyView>
  events(afterSeq?: number): Promise<EventView[]>
  /** What is broken on purpose; a cluster that is no laboratory refuses. */
  laboratory(): Promise<LaboratoryView>
  breakNode(nodeId: string, request: BreakRequest): Promise<LaboratoryView>
  /** What each agent says that it holds, past the coordinator. */
  copies(): Promise<LaboratoryCopies>
  /** Resolves when the stream is open; the first view follows. */
  watch(handlers: WatchHandlers): Promise<Subscription>
  console(
    vmId: string,
    options: { readonly replay: boolean },
    handlers: ConsoleHandlers,
  ): Promise<ConsoleSession>
  /** What is sent are the words of proto/screen.ts. */
  screen(vmId: string, handlers: ScreenHandlers): Promise<ConsoleSession>
}

export class HttpApiClient implements ApiClient {
  readonly #wire: ApiWire

  /** `to`: `http://host:port` of the coordinator, or another way to it. */
  constructor(to: string | ApiWire) {
    this.#wire = typeof to === 'string' ? new WebWire(to) : to
  }

  cluster = () => this.#get('/v1/cluster', ClusterView)
  nodes = () => this.#get('/v1/nodes', z.array(NodeView))
  node = (id: string) => this.#get(`/v1/nodes/${encodeURIComponent(id)}`, NodeView)
  vms = () => this.#get('/v1/vms', z.array(VmView))
  vm = (id: string) => this.#get(vmPath(id), VmView)
  run = (request: RunInput) => this.#post('/v1/vms', request, VmView)
  migrate = (vmId: string, request: MigrateInput) =>
    this.#post(vmPath(vmId, 'migrate'), request, MigrationView)
  relocate = (vmId: string, to?: string) =>
    this.#post(vmPath(vmId, 'relocate'), to === undefined ? {} : { to }, VmView)
  forecast = (vmId: string, request: MigrateInput) =>
    this.#post(vmPath(vmId, 'forecast'), request, ForecastView)
  clone = (vmId: string, request: CloneInput) =>
    this.#post(vmPath(vmId, 'clone'), request, CloneView)
  act = (vmId: string, verb: VmVerb) => this.#post(vmPath(vmId, verb), undefined, VmView)
  balloon = (vmId: string, memoryMib: number) =>
    this.#post(vmPath(vmId, 'balloon'), { memoryMib }, VmView)
  migrations = () => this.#get('/v1/migrations', z.array(MigrationView))
  migration = (id: string) => this.#get(`/v1/migrations/${encodeURIComponent(id)}`, MigrationView)
  pageLog = (id: string) => this.#get(`/v1/migrations/${encodeURIComponent(id)}/pages`, PageLog)
  cancel = (id: string) =>
    this.#post(`/v1/migrations/${encodeURIComponent(id)}/cancel`, undefined, MigrationView)
  postCopy = (id: string) =>
    this.#post(`/v1/migrations/${encodeURIComponent(id)}/post-copy`, undefined, MigrationView)
  evacuate = (id: string, params: Partial<MigrationParams> = {}) =>
    this.#post(`/v1/nodes/${encodeURIComponent(id)}/evacuate`, { params }, NodeView)
  returnNode = (id: string) =>
    this.#post(`/v1/nodes/${encodeURIComponent(id)}/return`, undefined, NodeView)
  fence = (id: string, off: boolean) =>
    this.#post(`/v1/nodes/${encodeURIComponent(id)}/fence`, { off }, NodeView)
  rebalance = () => this.#post('/v1/rebalance', undefined, RebalanceView)
  power = () => this.#get('/v1/power', PowerView)
  setPower = (change: PowerSettingsChange) => this.#ask('PATCH', '/v1/power', change, PowerView)
  sleepOrWake = (id: string, verb: 'sleep' | 'wake') =>
    this.#post(`/v1/nodes/${encodeURIComponent(id)}/${verb}`, undefined, PowerView)
  ha = () => this.#get('/v1/ha', HaView)
  store = () => this.#get('/v1/store', StoreView)
  coordinators = () => this.#get('/v1/coordinators', z.array(CoordinatorPlace))
  setHa = (change: HaSettingsChange) => this.#ask('PATCH', '/v1/ha', change, HaView)
  setPolicy = (vmId: string, change: HaPolicyChange) =>
    this.#ask('PATCH', vmPath(vmId, 'ha'), change, VmView)
  setGroup = (group: HaGroupInput) =>
    this.#ask('PUT', `/v1/groups/${encodeURIComponent(group.name)}`, group, HaView)
  dropGroup = (name: string) =>
    this.#ask('DELETE', `/v1/groups/${encodeURIComponent(name)}`, undefined, HaView)
  setRule = (rule: HaRuleInput) =>
    this.#ask('PUT', `/v1/rules/${encodeURIComponent(rule.name)}`, rule, HaView)
  dropRule = (name: string) =>
    this.#ask('DELETE', `/v1/rules/${encodeURIComponent(name)}`, undefined, HaView)
  why = (vmId: string) => this.#get(vmPath(vmId, 'why'), WhyView)
  events = (afterSeq = 0) => this.#get(`/v1/events?after=${afterSeq}`, z.array(EventView))

  laboratory = () => this.#get('/v1/laboratory', LaboratoryView)
  breakNode = (id: string, request: BreakRequest) =>
    this.#post(`/v1/nodes/${encodeURIComponent(id)}/break`, request, LaboratoryView)
  copies = () => this.#get('/v1/laboratory/copies', LaboratoryCopies)

  snapshots = (vmId: string) => this.#get(vmPath(vmId, 'snapshots'), z.array(SnapshotView))
  snapshot = (vmId: string, request: z.infer<typeof SnapshotRequest>) =>
    this.#post(vmPath(vmId, 'snapshots'), request, SnapshotView)
  compareSnapshots = (vmId: string, from: string, to: string) => {
    const [one, other] = [from, to].map(encodeURIComponent)
    const path = `${vmPath(vmId, 'snapshots')}/${one}/compare/${other}`
    return this.#get(path, SnapshotComparison)
  }

  merge = (vmId: string) => this.#post(vmPath(vmId, 'merge'), undefined, VmView)
  restore = (vmId: string, snapshot: string) =>
    this.#post(vmPath(vmId, 'restore'), { snapshot }, VmView)

  templates = () => this.#get('/v1/templates', z.array(TemplateView))
  keepTemplate = (request: z.input<typeof TemplateRequest>) =>
    this.#post('/v1/templates', request, TemplateView)

  dropTemplate = (name: string) =>
    this.#ask('DELETE', `/v1/templates/${encodeURIComponent(name)}`, undefined, TemplateView)
  dropSnapshot = (vmId: string, name: string) =>
    this.#ask(
      'DELETE',
      `${vmPath(vmId, 'snapshots')}/${encodeURIComponent(name)}`,
      undefined,
      SnapshotView,
    )

  async remove(vmId: string): Promise<void> {
    await this.#request('DELETE', vmPath(vmId))
  }

  watch(handlers: WatchHandlers): Promise<Subscription> {
    return this.#wire.open('/v1/watch', {
      onText: (text) => handlers.onView(parsed('/v1/watch', ClusterView, text)),
      onBytes: () => {},
      onClose: handlers.onClose,
    })
  }

  console(
    vmId: string,
    options: { readonly replay: boolean },
    handlers: ConsoleHandlers,
  ): Promise<ConsoleSession> {
    const path = vmPath(vmId, 'console') + (options.replay ? '?replay=1' : '')
    return this.#wire.open(path, {
      onText: (text) => handlers.onHeader(parsed(path, ConsoleHeader, text)),
      onBytes: handlers.onOutput,
      onClose: handlers.onClose,
    })
  }

  screen(vmId: string, handlers: ScreenHandlers): Promise<ConsoleSession> {
    const path = vmPath(vmId, 'screen')
    return this.#wire.open(path, {
      onText: (text) => handlers.onHeader(parsed(path, ScreenHeader, text)),
      onBytes: handlers.onFrame,
      onClose: handlers.onClose,
    })
  }

  async #get<T>(path: string, shape: z.ZodType<T>): Promise<T> {
    return parsed(path, shape, await this.#request('GET', path))
  }

  #post<T>(path: string, body: unknown, shape: z.ZodType<T>): Promise<T> {
    return this.#ask('POST', path, body, shape)
  }

  #request(method: string, path: string, body?: unknown): Promise<string> {
    return goodAnswer(this.#wire, method, path, body)
  }

  async #ask<T>(method: string, path: string, body: unknown, shape: z.ZodType<T>): Promise<T> {
    return parsed(path, shape, await this.#request(method, path, body))
  }
}

async function goodAnswer(wire: ApiWire, method: string, path: string, body: unknown) {
  const { isGood, status, text } = await wire.request(method, path, body)
  if (isGood) return text
  throw new FaultError(faultInside(text, `${method} ${path} was answered ${status}`))
}

/** One request and its checked answer; a refusal is thrown. */
export async function askedOf<T>(
  wire: ApiWire,
  method: string,
  path: string,
  body: unknown,
  shape: z.ZodType<T>,
): Promise<T> {
  return parsed(path, shape, await goodAnswer(wire, method, path, body))
}

const vmPath = (id: string, verb?: string): string =>
  `/v1/vms/${encodeURIComponent(id)}${verb === undefined ? '' : `/${verb}`}`

/** The answer as the contract says it looks; anything else is the fault `bad-message`. */
function parsed<T>(path: string, shape: z.ZodType<T>, text: string): T {
  const read = shape.safeParse(jsonOf(text))
  if (read.success) return read.data
  const detail = z.prettifyError(read.error).split('\n')[0]
  throw new FaultError(
    fault('bad-message', `The answer to ${path} is not what this version expects: ${detail}`),
  )
}

function faultInside(text: string, otherwise: string) {
  const problem = Problem.safeParse(jsonOf(text))
  return problem.success ? problem.data.fault : fault('internal', otherwise)
}
