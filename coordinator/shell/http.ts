// The HTTP API of proto/api.ts on fastify. A handler checks, asks the core, and answers at once:
// nothing is awaited here. The OpenAPI document is made from the same zod schemas that check the
// bodies. Not here: WebSockets (sockets.ts), the page (static-page.ts).

import swagger from '@fastify/swagger'
import Fastify from 'fastify'
import { z } from 'zod'
import * as api from '#proto/api.ts'
import { healthWords } from '#proto/coordinator-place.ts'
import { fault } from '#proto/faults.ts'
import { asMigrationId, asNodeId, asVmId, namePattern } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import { ClusterLoadsView, NodeLoadsView, VmLoadsView } from '#proto/loads.ts'
import { MigrationParams } from '#proto/messages.ts'
import { PageLog } from '#proto/page-log.ts'
import { SnapshotComparison } from '#proto/snapshots.ts'
import { TemplateKeyRequest, TemplateKeyView } from '#proto/templates/messages.ts'
import type { VmIdentity } from '#proto/vm-spec.ts'
import { isFault } from '../coordinator.ts'
import { unknownNode, unknownVm } from '../core/action-refusals.ts'
import { snapshotsOf, snapshotView } from '../core/snapshots.ts'
import type { PendingAnswer } from '../core/step-context.ts'
import { templateView } from '../core/templates.ts'
import { migrationView, nodeView, vmView } from '../core/views.ts'
import { freshIdentities } from '../identity.ts'
import { type AccountDoor, accountRoutes } from './account-routes.ts'
import { Answers } from './answers.ts'
import { type Gate, guardRoutes } from './guard.ts'
import { haRoutes } from './ha-routes.ts'
import { laboratoryRoutes } from './laboratory-routes.ts'
import { placeRoutes } from './others.ts'
import { problemOfError, sendProblem } from './problems.ts'
import {
  type App,
  ask,
  defaultBody,
  documented,
  type HttpPorts,
  refuse,
  type WithId,
} from './routing.ts'

/** Routes and error handling; the caller listens. */
export async function createHttpApi(
  ports: HttpPorts,
  door: AccountDoor & { readonly gate: Gate },
): Promise<App> {
  const app = Fastify({
    logger: false,
    ...(ports.serverFactory && { serverFactory: ports.serverFactory }),
    bodyLimit: 1 << 20,
    forceCloseConnections: true,
    ajv: {
      customOptions: {
        ...{ removeAdditional: false, coerceTypes: false, allErrors: true, verbose: true },
        // The handlers' own schemas fill them in.
        useDefaults: false,
      },
    },
  })
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    if (error.name === 'InvariantError' || ports.coordinator.isBroken) ports.onBug(error)
    return sendProblem(reply, problemOfError(error as Parameters<typeof problemOfError>[0]))
  })
  guardRoutes(app, door.gate)
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Godwit coordinator', version: '1' } },
  })
  readRoutes(app, ports)
  loadRoutes(app, ports)
  nodeRoutes(app, ports)
  vmRoutes(app, ports)
  snapshotRoutes(app, ports)
  templateRoutes(app, ports)
  templateKeyRoutes(app, ports)
  migrationRoutes(app, ports)
  haRoutes(app, ports)
  laboratoryRoutes(app, ports)
  accountRoutes(app, ports, door)
  placeRoutes(app, ports)
  plainRoutes(app, ports)
  return app
}

/** How it was, and not only how it is. */
function loadRoutes(app: App, { coordinator: { state }, loads }: HttpPorts): void {
  const ofAll = documented('The last half hour of the cluster', 200, ClusterLoadsView)
  app.get('/v1/loads', ofAll, () => loads.ofCluster())
  const ofNode = documented('The last half hour of a node', 200, NodeLoadsView)
  app.get<WithId>('/v1/nodes/:id/loads', ofNode, ({ params: { id } }, reply) => {
    const node = state.nodes.get(asNodeId(id))
    return node ? loads.ofNode(node) : refuse(reply, unknownNode(state, id))
  })
  const ofVm = documented('The last half hour of a VM', 200, VmLoadsView)
  app.get<WithId>('/v1/vms/:id/loads', ofVm, ({ params: { id } }, reply) => {
    const vm = state.vms.get(asVmId(id))
    return vm ? loads.ofVm(vm) : refuse(reply, unknownVm(id))
  })
}

function readRoutes(app: App, { coordinator, nowMs }: HttpPorts): void {
  const { state } = coordinator
  const { ClusterView, NodeView, VmView, EventView } = api
  app.get('/v1/cluster', documented('Everything', 200, ClusterView), () => coordinator.view())
  app.get(
    '/v1/nodes',
    documented('All nodes', 200, z.array(NodeView)),
    () => coordinator.view().nodes,
  )
  app.get<WithId>('/v1/nodes/:id', documented('One node', 200, NodeView), (request, reply) => {
    const node = state.nodes.get(asNodeId(request.params.id))
    return node
      ? nodeView(state, node, nowMs())
      : refuse(reply, unknownNode(state, request.params.id))
  })
  app.get('/v1/vms', documented('All VMs', 200, z.array(VmView)), () => coordinator.view().vms)
  app.get<WithId>('/v1/vms/:id', documented('One VM', 200, VmView), (request, reply) => {
    const vm = state.vms.get(asVmId(request.params.id))
    return vm ? vmView(state, vm) : refuse(reply, unknownVm(request.params.id))
  })
  const events = documented('The story after an event', 200, z.array(EventView))
  app.get<{ Querystring: { after?: string } }>('/v1/events', events, (request, reply) => {
    const after = Number(request.query.after ?? '0')
    if (Number.isInteger(after)) return state.events.filter((event) => event.seq > after)
    return refuse(reply, fault('bad-request', 'after must be a whole number: the seq of an event'))
  })
}

function nodeRoutes(app: App, ports: HttpPorts): void {
  const { MaintenanceRequest, NodeView } = api
  const evacuate = documented(
    'Its VMs leave; nothing goes there',
    202,
    NodeView,
    MaintenanceRequest,
  )
  const path = '/v1/nodes/:id'
  app.post<WithId>(
    `${path}/evacuate`,
    { ...evacuate, preValidation: defaultBody },
    (request, reply) => {
      const { params } = MaintenanceRequest.parse(request.body)
      const how = MigrationParams.parse({ whenStuck: 'throttle', ...params })
      const nodeId = asNodeId(request.params.id)
      return ask(ports, reply, { do: 'maintenance', nodeId, params: how })
    },
  )
  const fence = documented('It runs nothing any more', 202, NodeView, api.FenceRequest)
  app.post<WithId>(`${path}/fence`, { ...fence, preValidation: defaultBody }, (request, reply) => {
    const { off: isOff } = api.FenceRequest.parse(request.body)
    return ask(ports, reply, { do: 'fence', nodeId: asNodeId(request.params.id), isOff })
  })
  app.post<WithId>(
    `${path}/return`,
    documented('It takes VMs again', 202, NodeView),
    (request, reply) =>
      ask(ports, reply, { do: 'end-maintenance', nodeId: asNodeId(request.params.id) }),
  )
}

function vmRoutes(app: App, ports: HttpPorts): void {
  const { RunRequest, MigrateRequest, CloneRequest, BalloonRequest } = api
  const { VmView, MigrationView, CloneView, ForecastView } = api
  app.post('/v1/vms', documented('Run a VM', 202, VmView, RunRequest), (request, reply) => {
    const [identity] = newIdentities(ports, 1)
    invariant(identity, 'one identity was asked for')
    const { who } = request
    const owner = who?.role === 'person' ? { owner: who.name } : {}
    const wanted = RunRequest.parse(request.body)
    return ask(ports, reply, { do: 'run', request: wanted, identity, ...owner })
  })
  const migrate = documented('Migrate it', 202, MigrationView, MigrateRequest)
  const emptyIsDefault = { preValidation: defaultBody }
  app.post<WithId>('/v1/vms/:id/migrate', { ...migrate, ...emptyIsDefault }, (request, reply) => {
    const vmId = asVmId(request.params.id)
    const wanted = MigrateRequest.parse(request.body)
    return ask(ports, reply, { do: 'migrate', vmId, request: wanted })
  })
  const relocate = documented('Stop it, start it elsewhere', 202, VmView, api.RelocateRequest)
  app.post<WithId>('/v1/vms/:id/relocate', { ...relocate, ...emptyIsDefault }, (request, reply) => {
    const { to } = api.RelocateRequest.parse(request.body)
    return ask(ports, reply, { do: 'relocate', vmId: asVmId(request.params.id), to })
  })
  const foresee = documented('How a migration would go', 200, ForecastView, MigrateRequest)
  app.post<WithId>('/v1/vms/:id/forecast', { ...foresee, ...emptyIsDefault }, (request, reply) => {
    const vmId = asVmId(request.params.id)
    return ask(
      ports,
      reply,
      { do: 'forecast', vmId, request: MigrateRequest.parse(request.body) },
      200,
    )
  })
  const clone = documented('Clone it', 202, CloneView, CloneRequest)
  app.post<WithId>('/v1/vms/:id/clone', clone, (request, reply) => {
    const vmId = asVmId(request.params.id)
    const wanted = CloneRequest.parse(request.body)
    const identities = newIdentities(ports, wanted.ids.length)
    return ask(ports, reply, { do: 'clone', vmId, request: wanted, identities })
  })
  for (const verb of ['pause', 'resume', 'stop', 'start'] as const)
    app.post<WithId>(
      `/v1/vms/:id/${verb}`,
      documented(`${verb} it`, 202, VmView),
      (request, reply) => ask(ports, reply, { do: verb, vmId: asVmId(request.params.id) }),
    )
  const merge = documented('Make the layers of its disk one', 202, VmView)
  app.post<WithId>('/v1/vms/:id/merge', merge, (request, reply) =>
    ask(ports, reply, { do: 'merge', vmId: asVmId(request.params.id) }),
  )
  const balloon = documented('Leave it less memory, or more again', 202, VmView, BalloonRequest)
  app.post<WithId>('/v1/vms/:id/balloon', balloon, (request, reply) => {
    const { memoryMib } = BalloonRequest.parse(request.body)
    return ask(ports, reply, { do: 'balloon', vmId: asVmId(request.params.id), memoryMib })
  })
  app.delete<WithId>('/v1/vms/:id', documented('Forget it', 204, undefined), (request, reply) =>
    ask(ports, reply, { do: 'remove', vmId: asVmId(request.params.id) }, 204),
  )
}

function snapshotRoutes(app: App, ports: HttpPorts): void {
  const { SnapshotView, SnapshotRequest, RestoreRequest, VmView } = api
  const { state } = ports.coordinator
  const path = '/v1/vms/:id/snapshots'
  const list = documented('Its snapshots', 200, z.array(SnapshotView))
  app.get<WithId>(path, list, (request) =>
    snapshotsOf(state, asVmId(request.params.id)).map((entry) =>
      snapshotView(entry, state.vms.get(entry.vmId)),
    ),
  )
  const take = documented('Take a snapshot of it', 202, SnapshotView, SnapshotRequest)
  app.post<WithId>(path, { ...take, preValidation: defaultBody }, (request, reply) => {
    const { name } = SnapshotRequest.parse(request.body)
    return ask(ports, reply, { do: 'snapshot', vmId: asVmId(request.params.id), name })
  })
  const drop = documented('Remove a snapshot', 202, SnapshotView)
  app.delete<{ Params: { id: string; name: string } }>(`${path}/:name`, drop, (request, reply) => {
    const { id, name } = request.params
    return ask(ports, reply, { do: 'drop-snapshot', vmId: asVmId(id), name })
  })
  const answers = new Answers(ports.coordinator)
  const compare = documented('What differs from one to the other', 200, SnapshotComparison)
  app.get<{ Params: { id: string; name: string; other: string } }>(
    `${path}/:name/compare/:other`,
    compare,
    async (request, reply) => {
      const { id, name: from, other: to } = request.params
      const asked = ports.coordinator.ask({
        ...{ do: 'compare-snapshots', vmId: asVmId(id), from, to },
      })
      if (isFault(asked)) return refuse(reply, asked.fault)
      const answer = await answers.of((asked.value as PendingAnswer).commandId)
      if ('comparison' in answer && answer.comparison) return answer.comparison
      return refuse(reply, answer.fault ?? fault('bad-message', 'its node said nothing about it'))
    },
  )
  const restore = documented('Go on as the snapshot has it', 202, VmView, RestoreRequest)
  app.post<WithId>('/v1/vms/:id/restore', restore, (request, reply) => {
    const { snapshot: name } = RestoreRequest.parse(request.body)
    return ask(ports, reply, { do: 'restore', vmId: asVmId(request.params.id), name })
  })
}

function templateRoutes(app: App, ports: HttpPorts): void {
  const { TemplateView, TemplateRequest } = api
  const list = documented('Templates', 200, z.array(TemplateView))
  app.get('/v1/templates', list, () =>
    [...ports.coordinator.state.templates.values()].map(templateView),
  )
  const keep = documented('Keep a snapshot as a template', 202, TemplateView, TemplateRequest)
  app.post('/v1/templates', keep, (request, reply) => {
    const { name, about, vm, snapshot } = TemplateRequest.parse(request.body)
    return ask(ports, reply, { do: 'keep-template', name, about, vmId: asVmId(vm), snapshot })
  })
  const drop = documented('Remove a template', 202, TemplateView)
  app.delete<{ Params: { name: string } }>('/v1/templates/:name', drop, (request, reply) =>
    ask(ports, reply, { do: 'drop-template', name: request.params.name }),
  )
}

function templateKeyRoutes(app: App, ports: HttpPorts): void {
  const list = documented('Whose files are let in', 200, z.array(TemplateKeyView))
  app.get('/v1/template-keys', list, () => [...ports.coordinator.state.templateKeys.values()])
  const trust = documented(
    'Let in what this key has signed',
    202,
    TemplateKeyView,
    TemplateKeyRequest,
  )
  app.put<{ Params: { name: string } }>('/v1/template-keys/:name', trust, (request, reply) => {
    const { name } = request.params
    if (!namePattern.test(name)) return refuse(reply, fault('bad-request', `${name} is no name`))
    const { key } = TemplateKeyRequest.parse(request.body)
    return ask(ports, reply, { do: 'trust-key', name, key })
  })
  const drop = documented('Let it in no more', 204, undefined)
  app.delete<{ Params: { name: string } }>('/v1/template-keys/:name', drop, (request, reply) =>
    ask(ports, reply, { do: 'distrust-key', name: request.params.name }, 204),
  )
}

function newIdentities({ coordinator, random }: HttpPorts, count: number): VmIdentity[] {
  const vms = [...coordinator.state.vms.values()]
  return freshIdentities(
    random,
    count,
    vms.map(({ identity }) => identity.mac),
  )
}

function migrationRoutes(app: App, ports: HttpPorts): void {
  const { MigrationView, RebalanceView } = api
  const { coordinator } = ports
  const all = documented('All migrations and clones', 200, z.array(MigrationView))
  app.get('/v1/migrations', all, () => coordinator.view().migrations)
  const one = documented('One migration', 200, MigrationView)
  app.get<WithId>('/v1/migrations/:id', one, (request, reply) => {
    const { id } = request.params
    const migration = coordinator.state.migrations.get(asMigrationId(id))
    if (migration) return migrationView(migration)
    return refuse(reply, fault('unknown-migration', `there is no migration ${id}`))
  })
  const pages = documented('What was sent when, page by page', 200, PageLog)
  app.get<WithId>('/v1/migrations/:id/pages', pages, (request, reply) => {
    const { id } = request.params
    const migration = coordinator.state.migrations.get(asMigrationId(id))
    if (!migration) return refuse(reply, fault('unknown-migration', `there is no migration ${id}`))
    return migration.live.pageLog ?? refuse(reply, noPageLog(id))
  })
  const cancel = documented('Cancel it', 202, MigrationView)
  app.post<WithId>('/v1/migrations/:id/cancel', cancel, (request, reply) => {
    const migrationId = asMigrationId(request.params.id)
    return ask(ports, reply, { do: 'cancel-migration', migrationId })
  })
  const hasten = documented('Go on as post-copy at once', 202, MigrationView)
  app.post<WithId>('/v1/migrations/:id/post-copy', hasten, (request, reply) =>
    ask(ports, reply, { do: 'post-copy', migrationId: asMigrationId(request.params.id) }),
  )
  const rebalance = documented('Rebalance now', 202, RebalanceView)
  app.post('/v1/rebalance', rebalance, (_request, reply) => ask(ports, reply, { do: 'rebalance' }))
}

const noPageLog = (id: string) =>
  fault(
    'wrong-state',
    `nothing of ${id} was written down page by page: ask for it with pageLog, and wait for its end`,
  )

function plainRoutes(app: App, { metrics }: HttpPorts): void {
  const hidden = { schema: { hide: true } }
  app.get('/healthz', hidden, (_request, reply) =>
    reply.type('text/plain').send(healthWords.leader),
  )
  app.get('/openapi.json', hidden, () => app.swagger())
  app.get('/metrics', hidden, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
}
