// The guard of every route and every socket, in one table: which action of proto/accounts.ts it
// takes, of what, and what of its answer is shown to whom. A route that is not in here is shut to
// everybody as soon as there is an account. Not here: how a guard is held (guard.ts), who may do
// which action (the table in proto/accounts.ts).

import type { Action, Owned } from '#proto/accounts.ts'
import { asMigrationId, asVmId } from '#proto/ids.ts'
import { ownedVm, type Sight } from '../accounts/sight.ts'
import type { ClusterState } from '../core/cluster-state.ts'

/** What is asked for, as far as a guard looks at it. */
export interface Asked {
  readonly params: Readonly<Record<string, string>>
  /** Once it has been read and checked. */
  readonly body?: unknown
}

export interface Guard {
  /** `open`: for everybody, a stranger too. `agent`: for agents, who show the cluster's token. */
  readonly action: Action | 'open' | 'agent'
  /** `cluster`: about no VM. `each`: a list, of which `shown` leaves out what is not to be seen. */
  readonly of: 'cluster' | 'each' | ((state: ClusterState, asked: Asked) => Owned | undefined)
  /** What of the answer is shown. Lists must say it. */
  readonly shown?: (sight: Sight, answer: never) => unknown
  /** What the body asks for on top, and of what. */
  readonly also?: (asked: Asked, state: ClusterState, sight: Sight) => Also
}
/** Actions of the cluster that are needed too; or VMs and templates that must be within reach. */
export interface Also {
  readonly needs?: Action | undefined
  readonly vm?: { readonly action: Action; readonly id: string } | undefined
  readonly template?: string | undefined
}

const open: Guard = { action: 'open', of: 'cluster' }
const cluster = (action: Action, more: Partial<Guard> = {}): Guard => ({
  ...{ action, of: 'cluster' as const, ...more },
})
const each = (action: Action, shown: NonNullable<Guard['shown']>): Guard => ({
  ...{ action, of: 'each', shown },
})
const vm = (action: Action, more: Partial<Guard> = {}): Guard => ({
  ...{ action, of: (state, { params }) => vmOf(state, params.id), ...more },
})
const migration = (action: Action, more: Partial<Guard> = {}): Guard => ({
  ...{ action, of: (state, { params }) => vmOfMigration(state, params.id), ...more },
})
const template = (action: Action): Guard => ({
  action,
  of: (state, { params }) => {
    const entry = state.templates.get(params.name ?? '')
    return entry && { id: entry.id, owner: entry.owner }
  },
})

function vmOf(state: ClusterState, id: string | undefined): Owned | undefined {
  const found = state.vms.get(asVmId(id ?? ''))
  return found && ownedVm(found)
}

/** Of a VM that has taken the name since, it is none. */
function vmOfMigration(state: ClusterState, id: string | undefined): Owned | undefined {
  const found = state.migrations.get(asMigrationId(id ?? ''))
  const owner = found && state.vms.get(found.vmId)
  return owner && found.serial > owner.serial ? ownedVm(owner) : undefined
}

/** Fields that say where a VM runs, or who comes first: those are an operator's. */
const placing = (fields: readonly string[]) => (body: unknown) =>
  fields.some((field) => (body as Record<string, unknown> | undefined)?.[field] !== undefined)
    ? 'place'
    : undefined
const isPlaced = placing(['nodeId', 'startOn', 'policy'])
const isSentTo = placing(['to', 'params'])
/** Whose VMs it hears is an operator's to say; that it has a card at all is not. */
const isJoined = (body: unknown) =>
  typeof (body as { spec?: { network?: unknown } } | undefined)?.spec?.network === 'string'
    ? 'place'
    : undefined
type Body = Readonly<Record<string, string>> | undefined

// tidy: data table
export const guards: Readonly<Record<string, Guard>> = {
  'GET /': open,
  'GET /healthz': open,
  'GET /openapi.json': open,
  'POST /v1/login': open,
  'POST /v1/logout': open,
  'POST /v1/share-session': open,
  'GET /v1/me': open,
  'GET /v1/coordinators': cluster('self'),
  'GET /metrics': cluster('see-cluster'),

  'GET /v1/cluster': each('see', (sight, answer) => sight.cluster(answer)),
  'GET /v1/vms': each('see', (sight, answer) => sight.vms(answer)),
  'GET /v1/events': each('see', (sight, answer) => sight.events(answer)),
  'GET /v1/migrations': each('see', (sight, answer) => sight.migrations(answer)),
  'GET /v1/templates': each('see', (sight, answer) => sight.templates(answer)),

  'GET /v1/nodes': cluster('see-cluster'),
  'GET /v1/nodes/:id': cluster('see-cluster'),
  'GET /v1/nodes/:id/loads': cluster('see-cluster'),
  'GET /v1/loads': cluster('see-cluster'),
  'GET /v1/ha': cluster('see-cluster'),
  'GET /v1/store': cluster('run-cluster'),
  'GET /v1/power': cluster('see-cluster'),
  'GET /v1/laboratory': cluster('see-cluster'),
  'GET /v1/laboratory/copies': cluster('see-cluster'),
  'GET /v1/vms/:id/why': cluster('see-cluster'),
  'POST /v1/nodes/:id/evacuate': cluster('run-cluster'),
  'POST /v1/nodes/:id/break': cluster('run-cluster'),
  'POST /v1/nodes/:id/fence': cluster('run-cluster'),
  'POST /v1/nodes/:id/return': cluster('run-cluster'),
  'POST /v1/nodes/:id/sleep': cluster('run-cluster'),
  'POST /v1/nodes/:id/wake': cluster('run-cluster'),
  'PATCH /v1/ha': cluster('run-cluster'),
  'PATCH /v1/power': cluster('run-cluster'),
  'PUT /v1/groups/:name': cluster('run-cluster'),
  'DELETE /v1/groups/:name': cluster('run-cluster'),
  'PUT /v1/rules/:name': cluster('run-cluster'),
  'DELETE /v1/rules/:name': cluster('run-cluster'),
  'POST /v1/rebalance': cluster('run-cluster'),

  'POST /v1/vms': cluster('run', {
    also: ({ body }) => ({
      needs: isPlaced(body) ?? isJoined(body),
      template: (body as Body)?.template,
    }),
  }),
  'GET /v1/vms/:id': vm('see', { shown: (sight, answer) => sight.vm(answer) }),
  'GET /v1/vms/:id/loads': vm('see'),
  'POST /v1/vms/:id/pause': vm('use'),
  'POST /v1/vms/:id/resume': vm('use'),
  'POST /v1/vms/:id/stop': vm('use'),
  'POST /v1/vms/:id/start': vm('use'),
  'POST /v1/vms/:id/balloon': vm('use'),
  'DELETE /v1/vms/:id': vm('use'),
  'POST /v1/vms/:id/restore': vm('use'),
  'POST /v1/vms/:id/merge': vm('use'),
  'GET /v1/vms/:id/snapshots': vm('see'),
  'POST /v1/vms/:id/snapshots': vm('copy'),
  'DELETE /v1/vms/:id/snapshots/:name': vm('copy'),
  'GET /v1/vms/:id/snapshots/:name/compare/:other': vm('see'),
  'POST /v1/vms/:id/clone': vm('copy', { also: ({ body }) => ({ needs: isSentTo(body) }) }),
  'POST /v1/templates': cluster('run', {
    also: ({ body }) => ({ vm: { action: 'copy', id: (body as Body)?.vm ?? '' } }),
  }),
  'DELETE /v1/templates/:name': template('copy'),
  'GET /v1/template-keys': cluster('see-cluster'),
  'PUT /v1/template-keys/:name': cluster('run-cluster'),
  'DELETE /v1/template-keys/:name': cluster('run-cluster'),
  'POST /v1/vms/:id/migrate': vm('place'),
  'POST /v1/vms/:id/relocate': vm('place'),
  'POST /v1/vms/:id/forecast': vm('place'),
  'PATCH /v1/vms/:id/ha': vm('place'),
  'GET /v1/migrations/:id': migration('see', {
    shown: (sight, answer) => sight.migration(answer),
  }),
  'GET /v1/migrations/:id/pages': migration('see'),
  'POST /v1/migrations/:id/cancel': migration('place'),
  'POST /v1/migrations/:id/post-copy': migration('place'),

  'PUT /v1/vms/:id/owner': vm('accounts'),
  'GET /v1/vms/:id/links': vm('share'),
  'POST /v1/vms/:id/links': vm('share'),
  'GET /v1/accounts': cluster('accounts'),
  'POST /v1/accounts': cluster('accounts'),
  'DELETE /v1/accounts/:name': cluster('accounts'),
  'PUT /v1/accounts/:name/password': cluster('self'),
  'PUT /v1/accounts/:name/quota': cluster('accounts'),
  'GET /v1/grants': cluster('self'),
  'POST /v1/tokens': cluster('self'),
  'DELETE /v1/grants/:id': cluster('self'),

  'WS agent': { action: 'agent', of: 'cluster' },
  'WS watch': each('see', (sight, answer) => sight.cluster(answer)),
  'WS console': vm('look'),
  'WS screen': vm('look'),
  'WS sights': vm('see'),
  /** All of its memory: as a copy of it. */
  'WS template': template('copy'),
  'WS template-files': cluster('run'),
  /** What links carry is everybody's. */
  'WS links': cluster('see-cluster'),
}
