// The HTTP API of the coordinator, as schemas: what the CLI, the page and the scenario runner read
// and write. The OpenAPI document is generated from these. Errors are problem documents (RFC 9457)
// that carry the fault.
//
//   GET  /healthz                         200 when it serves
//   GET  /metrics                         Prometheus text
//   GET  /openapi.json                    this, as OpenAPI 3
//   GET  /v1/cluster                      ClusterView
//   GET  /v1/nodes, /v1/nodes/:id         NodeView[] | NodeView
//   POST /v1/nodes/:id/evacuate           MaintenanceRequest → 202 NodeView; its VMs leave
//   POST /v1/nodes/:id/fence              FenceRequest → 202 NodeView; it runs nothing any more
//   POST /v1/nodes/:id/return             → 202 NodeView; it takes VMs again
//   GET  /v1/vms, /v1/vms/:id             VmView[] | VmView
//   POST /v1/vms                          RunRequest   → 202 VmView
//   POST /v1/vms/:id/migrate              MigrateRequest → 202 MigrationView
//   POST /v1/vms/:id/relocate             RelocateRequest → 202 VmView; stopped, started elsewhere
//   POST /v1/vms/:id/forecast             MigrateRequest → 200 ForecastView; nothing is moved
//   POST /v1/vms/:id/clone                CloneRequest → 202 CloneView
//   POST /v1/vms/:id/{pause,resume,stop,start}   → 202 VmView
//   POST /v1/vms/:id/balloon              BalloonRequest → 202 VmView
//   DELETE /v1/vms/:id                    → 204
//   POST /v1/vms/:id/snapshots            SnapshotRequest → 202 SnapshotView
//   GET  /v1/vms/:id/snapshots            SnapshotView[]
//   DELETE /v1/vms/:id/snapshots/:name    → 202 SnapshotView
//   GET  /v1/vms/:id/snapshots/:name/compare/:other  SnapshotComparison
//   POST /v1/vms/:id/restore              RestoreRequest → 202 VmView
//   POST /v1/vms/:id/merge                → 202 VmView; the layers of its disk become one
//   GET, POST /v1/templates               TemplateView[]; TemplateRequest → 202 TemplateView
//   DELETE /v1/templates/:name            → 202 TemplateView
//   WS   /v1/templates/:name/file         its file: TemplateWords and parts (templates/messages.ts)
//   WS   /v1/template-files               a file comes: ImportRequest, then parts
//   GET  /v1/template-keys                TemplateKeyView[]: whose files are let in
//   PUT, DELETE /v1/template-keys/:name   TemplateKeyRequest → TemplateKeyView; 204
//   GET  /v1/migrations, /v1/migrations/:id      MigrationView[] | MigrationView; clones too
//   GET  /v1/migrations/:id/pages         PageLog, of one that was begun with pageLog
//   POST /v1/migrations/:id/cancel        → 202 MigrationView
//   POST /v1/migrations/:id/post-copy     → 202 MigrationView; it goes on as that at once
//   GET  /v1/vms/:id/why                  WhyView: why it is where it is, or nowhere
//   PATCH /v1/vms/:id/ha                  HaPolicyChange → 202 VmView
//   GET  /v1/ha                           HaView: settings, spare capacity, rules
//   PATCH /v1/ha                          HaSettingsChange → 202 HaView
//   PUT, DELETE /v1/groups/:name          HaGroup → 202 HaView
//   PUT, DELETE /v1/rules/:name           HaRule → 202 HaView
//   GET  /v1/power                        PowerView: who is on, what is drawn and saved
//   PATCH /v1/power                       PowerSettingsChange → 202 PowerView
//   POST /v1/nodes/:id/{sleep,wake}       → 202 PowerView; standby, and out of it
//   POST /v1/rebalance                    → 202 RebalanceView (what it decided, and why)
//   GET  /v1/laboratory                   LaboratoryView: what is broken on purpose; a cluster that
//                                         is no laboratory refuses
//   POST /v1/nodes/:id/break              BreakRequest → 202 LaboratoryView
//   GET  /v1/laboratory/copies            LaboratoryCopies: what agents say that they hold
//   GET  /v1/events?after=SEQ             EventView[]
//   WS   /v1/watch                        a ClusterView first, then one after each change
//                                         (at most 10 a second)
//   WS   /v1/sights?links=1&vm=NAME       SightViews: what links carry, a VM's pages, as they are
//   WS   /v1/vms/:id/console              binary both ways: guest output, guest input;
//                                         survives migration. First frame from the server
//                                         is text: ConsoleHeader. ?replay=1 sends the output
//                                         kept (64 KiB); default is only what comes from now on.
//   WS   /v1/vms/:id/screen               text: ScreenHeader, at first and at each new owner;
//                                         binary: frames (screen-frame.ts), one until it is
//                                         shown; from the client: words of screen.ts
//   GET  /v1/me                           IdentityView; 401 for who has not logged in
//   POST /v1/login, /v1/logout            LoginRequest → IdentityView and a cookie; → 204
//   POST /v1/share-session                ShareSessionRequest → IdentityView and a cookie
//   GET, POST /v1/accounts                AccountView[]; AccountRequest → 201 AccountView
//   DELETE /v1/accounts/:name             → 204
//   PUT  /v1/accounts/:name/password      PasswordRequest → 204
//   POST /v1/tokens                       TokenRequest → 201 GrantView, with its secret
//   GET  /v1/grants                       GrantView[]: sessions, tokens and links
//   DELETE /v1/grants/:id                 → 204
//   GET, POST /v1/vms/:id/links           GrantView[]; ShareRequest → 201 GrantView, its secret
//   PUT  /v1/vms/:id/owner                OwnerRequest → 202 VmView
//   GET  /                                the page
//
// Who may ask for what: proto/accounts.ts, coordinator/shell/guards.ts.

import { z } from 'zod'
import { EventView } from './event-view.ts'
import { Fault } from './faults.ts'
import { HaGroup, HaPolicy, HaPolicySaid, HaRuleView, HaSettings } from './ha.ts'
import { MigrationWishes } from './message-parts.ts'
import { MigrationRecord, NodeCapacity, VmLoad } from './messages.ts'
import { PowerState, PowerView } from './power.ts'
import { Forecast, Range } from './pre-copy/forecast.ts'
import { QuotaView } from './quotas.ts'
import { TookOver } from './replica-messages.ts'
import { SnapshotMeasured } from './snapshots.ts'
import { MigrationPhase, NodePhase, VmPhase } from './state.ts'
import { DiskRef, Name, VmIdentity, VmSpec } from './vm-spec.ts'

export { EventView } from './event-view.ts'

/** A node whose VMs leave. */
export const EvacuationView = z.strictObject({
  /** VMs that were there when it began, and that are there still. */
  total: z.int(),
  left: z.int(),
  /** Queued or under way: from there, and what was on its way there before. */
  moving: z.int(),
  /** They will stay, if nothing is done about it. */
  stuck: z.array(z.strictObject({ vmId: Name, why: z.string() })),
  forMs: z.number(),
  /** Until all have left that can: from their forecasts, as true as those were so far. */
  etaMs: Range,
})
export type EvacuationView = z.infer<typeof EvacuationView>

export const NodeView = z.strictObject({
  id: Name,
  phase: NodePhase,
  capacity: NodeCapacity,
  peerAddress: z.string(),
  pid: z.int(),
  cpuDemandPercent: z.number(),
  cpuGotPercent: z.number(),
  memoryUsedMib: z.number(),
  /** Sum of the specs of the VMs that are or will be there. */
  memoryReservedMib: z.number(),
  vmCount: z.int(),
  /** Ms until the coordinator may treat the node's protected VMs as stopped; 0 when it may. */
  leaseLeftMs: z.number(),
  power: PowerState,
  /** In maintenance: nothing is placed there. */
  evacuation: EvacuationView.optional(),
})
export type NodeView = z.infer<typeof NodeView>

export const VmView = z.strictObject({
  id: Name,
  phase: VmPhase,
  /** Its node is silent: phase and load are as they were when that was last heard of. */
  isUnknown: z.boolean().optional(),
  spec: VmSpec,
  identity: VmIdentity,
  disk: DiskRef,
  /** Where it runs or, when it starts, will run. */
  nodeId: Name.optional(),
  epoch: z.int(),
  migrationId: z.string().optional(),
  clonedFrom: Name.optional(),
  /** The account whose VM it is; absent: nobody's but the operators'. */
  owner: Name.optional(),
  /** How often it was started after its node was lost. */
  recoveries: z.int(),
  load: VmLoad.optional(),
  /** Absent: nothing was declared, the defaults count. */
  policy: HaPolicy.optional(),
  /** What of it was said of this VM itself; the rest is its group's, or default. */
  ownPolicy: HaPolicySaid.optional(),
  /** Some of its disk's layers become one: written by a node, or about to be put in their place. */
  merging: z.strictObject({ layers: z.int(), phase: z.enum(['writing', 'swapping']) }).optional(),
  /** After its node was lost it went on from a checkpoint, and did not start anew. */
  wentOnFrom: TookOver.optional(),
  /** Kept on another node. */
  replica: z
    .strictObject({
      id: z.string(),
      nodeId: Name,
      phase: z.enum(['syncing', 'ready', 'ending']),
      level: z.enum(['checkpoint', 'continuous']),
      everyMs: z.number(),
    })
    .optional(),
  fault: Fault.optional(),
})
export type VmView = z.infer<typeof VmView>

export const MigrationView = z.strictObject({
  id: z.string(),
  purpose: z.enum(['migrate', 'clone']),
  vmId: Name,
  cloneIds: z.array(Name),
  from: Name,
  to: Name,
  phase: MigrationPhase,
  /** Who asked: `operator`, `rebalance`, `rule`, `evacuation`, `return`, `consolidation` … */
  cause: z.string(),
  /** As a sentence, when there is more to say. */
  why: z.string().optional(),
  /** Where traces are collected it is found by this. */
  traceId: z.string().optional(),
  round: z.int(),
  sentPages: z.int(),
  pagesOfRound: z.int(),
  bytes: z.int(),
  expectedDowntimeMs: z.number().optional(),
  /** The coordinator's monotonic ms; only differences mean something. */
  queuedAtMs: z.number(),
  endedAtMs: z.number().optional(),
  /** Before it began; absent: too little was known of the VM. */
  forecast: Forecast.optional(),
  record: MigrationRecord.optional(),
  fault: Fault.optional(),
})
export type MigrationView = z.infer<typeof MigrationView>

export const SnapshotView = z.strictObject({
  vmId: Name,
  name: Name,
  phase: z.enum(['taking', 'ready', 'removing', 'failed']),
  /** The VM was this one last: what it is now came from here. */
  isCurrent: z.boolean().optional(),
  /** The snapshot that the VM had been before it; absent: it came from its boot. */
  basedOn: Name.optional(),
  takenWallMs: z.number().optional(),
  diskLayers: z.int().optional(),
  /** Absent: it lists all of its pages itself. */
  parent: Name.optional(),
  measured: SnapshotMeasured.optional(),
  fault: Fault.optional(),
})
export type SnapshotView = z.infer<typeof SnapshotView>

/** Where a template's file came from. */
export const TemplateOrigin = z.strictObject({
  /** SHA-256 of its manifest. */
  id: z.string(),
  name: Name,
  madeBy: z.string(),
  cluster: z.string(),
  version: z.string(),
  /** Whose signature it had; absent: none. */
  key: z.string().optional(),
  diskDigest: z.string().optional(),
})
export type TemplateOrigin = z.infer<typeof TemplateOrigin>

/** A snapshot that is kept for itself: new VMs begin as it has it. */
export const TemplateView = z.strictObject({
  name: Name,
  about: z.string(),
  /** Absent: everybody may begin from it. */
  owner: Name.optional(),
  phase: z.enum(['making', 'ready', 'removing', 'failed']),
  memoryMib: z.int(),
  diskMib: z.int(),
  image: z.string(),
  args: z.string(),
  takenWallMs: z.number(),
  /** Of one that came by a file. */
  origin: TemplateOrigin.optional(),
  fault: Fault.optional(),
})
export type TemplateView = z.infer<typeof TemplateView>

export const ClusterView = z.strictObject({
  clusterId: z.string(),
  version: z.string(),
  /** The coordinator process's own count of changes; grows with each view. */
  revision: z.int(),
  /** Of several coordinators the one that says this, and its term; absent: there is only one. */
  leader: z.strictObject({ name: z.string(), term: z.int() }).optional(),
  nodes: z.array(NodeView),
  vms: z.array(VmView),
  /** All that are not ended, and the last 200 that are. */
  migrations: z.array(MigrationView),
  /** The last 200. */
  events: z.array(EventView),
  /** What was declared about high availability, and what of it is not so yet. */
  ha: HaSettings,
  rules: z.array(HaRuleView),
  /** Absent: there are none. */
  groups: z.array(HaGroup).optional(),
  power: PowerView,
  quotas: z.array(QuotaView).optional(),
})
export type ClusterView = z.infer<typeof ClusterView>

export const RunRequest = z.strictObject({
  id: Name,
  spec: VmSpec,
  /** Only there, or nowhere. */
  nodeId: Name.optional(),
  /** Its first start is there; from then on it may be moved and recovered like any other. */
  startOn: Name.optional(),
  /** It begins as this template has it, running; of the spec only shares, cap and ha count then. */
  template: Name.optional(),
  /** How it is kept running. */
  policy: HaPolicy.optional(),
})
export const TemplateRequest = z.strictObject({
  name: Name,
  about: z.string().max(200).default(''),
  /** A snapshot that is ready. */
  vm: Name,
  snapshot: Name,
})
export const MigrateRequest = z.strictObject({
  to: Name.optional(), // absent: the best one
  params: MigrationWishes.optional(),
  cause: z.string().max(40).default('operator'),
  /** Try it, even if the forecast is that it would be given up. */
  force: z.boolean().optional(),
})
/** Absent: the best other node. */
export const RelocateRequest = z.strictObject({ to: Name.optional() })
export const ForecastView = z.strictObject({
  vmId: Name,
  from: Name,
  to: Name,
  /** Absent: too little is known of the VM yet; ask again in a second. */
  forecast: Forecast.optional(),
})
export type ForecastView = z.infer<typeof ForecastView>
export const MaintenanceRequest = z.strictObject({
  /** How its VMs move; those that write too fast are slowed down, if nothing else is said. */
  params: MigrationWishes.optional(),
})
export const FenceRequest = z.strictObject({
  /** An operator's word: it is off. Else the fence device is asked. */
  off: z.boolean().default(false),
})
export const CloneRequest = z.strictObject({
  /** Names of the clones. */
  ids: z.array(Name).min(1).max(256),
  /** Absent: the parent's own node if there is room. */
  to: Name.optional(),
  params: MigrationWishes.optional(),
})
export const BalloonRequest = z.strictObject({
  /** What is left to the guest of its RAM: it gives up the rest, as far as it can spare it. */
  memoryMib: z.int().min(1),
})
/** Absent: a name that is free. */
export const SnapshotRequest = z.strictObject({ name: Name.optional() })
export const RestoreRequest = z.strictObject({ snapshot: Name })
export const CloneView = z.strictObject({ migration: MigrationView, vms: z.array(VmView) })
export type CloneView = z.infer<typeof CloneView>
export const RebalanceView = z.strictObject({
  scoreBefore: z.number(),
  scoreAfter: z.number(),
  moves: z.array(z.strictObject({ vmId: Name, from: Name, to: Name, why: z.string() })),
})
export type RebalanceView = z.infer<typeof RebalanceView>
export const ConsoleHeader = z.strictObject({
  vmId: Name,
  epoch: z.int(),
  nodeId: Name.optional(),
  offset: z.int(),
})
export type ConsoleHeader = z.infer<typeof ConsoleHeader>

/** The header in which a coordinator that does not lead says where the one is that does. */
export const leaderHeader = 'godwit-leader'

/** RFC 9457, with our fault inside. */
export const Problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  fault: Fault,
})
export type Problem = z.infer<typeof Problem>
