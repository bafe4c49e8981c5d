// What a person may ask of the cluster from the page, over the HTTP API; answers are told as
// notices. Not here: which actions are allowed when (actions.ts, and the tables in proto/state.ts).

import { signal } from '@preact/signals'
import { z } from 'zod'
import {
  type CloneRequest,
  type MigrateRequest,
  MigrationView,
  type RunRequest,
  type TemplateRequest,
} from '#proto/api.ts'
import type { HaPolicyChange, HaRule } from '#proto/ha.ts'
import type { MigrationParams } from '#proto/messages.ts'
import { ask, isRefused } from './asking.ts'

/** The last answer to a person: what was accepted or refused. */
export interface Notice {
  readonly text: string
  readonly bad: boolean
  /** Two equal notices in a row are two. */
  readonly count: number
}
export const notice = signal<Notice | undefined>(undefined)

export type PlainVerb = 'pause' | 'resume' | 'stop' | 'start'
export type NodeVerb = 'evacuate' | 'return' | 'sleep' | 'wake'
export type MigrateParams = Partial<z.input<typeof MigrationParams>>

/** Migrations that were asked for here: their ends are told here too. */
export const ownMigrations = signal<ReadonlySet<string>>(new Set())

/** @returns why not, if it is refused */
export const run = (request: z.input<typeof RunRequest>): Promise<string | undefined> =>
  declare('POST', 'v1/vms', request, `${request.id} is being started.`)

/** @returns why not, if it is refused */
export const keepTemplate = (
  request: z.input<typeof TemplateRequest>,
): Promise<string | undefined> =>
  declare('POST', 'v1/templates', request, `Template ${request.name} is being made.`)

/** @returns why not, if it is refused */
export const setPolicy = (vmId: string, change: HaPolicyChange): Promise<string | undefined> =>
  declare('PATCH', `v1/vms/${vmId}/ha`, change, `${vmId}: it is declared.`)

/** @returns why not, if it is refused */
export const setRule = (rule: HaRule): Promise<string | undefined> =>
  declare('PUT', `v1/rules/${rule.name}`, rule, `Rule ${rule.name} is declared.`)

export const dropRule = (name: string) =>
  order('DELETE', `v1/rules/${name}`, undefined, `Rule ${name} is removed.`)

export const setArmed = (armed: boolean) =>
  order('PATCH', 'v1/ha', { armed }, `High availability is ${armed ? 'armed' : 'disarmed'}.`)

export const dropTemplate = (name: string) =>
  order('DELETE', `v1/templates/${name}`, undefined, `Template ${name} is being removed.`)

export const act = (vmId: string, verb: PlainVerb) =>
  order('POST', `v1/vms/${vmId}/${verb}`, undefined, `${vmId}: ${verb} is accepted.`)

export const actOnNode = (nodeId: string, verb: NodeVerb) =>
  order('POST', `v1/nodes/${nodeId}/${verb}`, undefined, `${nodeId}: ${verb} is accepted.`)

export const remove = (vmId: string) =>
  order('DELETE', `v1/vms/${vmId}`, undefined, `${vmId} is removed.`)

export const snapshot = (vmId: string) =>
  order('POST', `v1/vms/${vmId}/snapshots`, {}, `${vmId}: a snapshot is being taken.`)

export const restore = (vmId: string, name: string) =>
  order('POST', `v1/vms/${vmId}/restore`, { snapshot: name }, `${vmId} goes back to ${name}.`)

export const dropSnapshot = (vmId: string, name: string) =>
  order('DELETE', `v1/vms/${vmId}/snapshots/${name}`, undefined, `${name} is being dropped.`)

export const merge = (vmId: string) =>
  order('POST', `v1/vms/${vmId}/merge`, undefined, `${vmId}: the layers of its disk become one.`)

export const cancel = (migrationId: string) =>
  order('POST', `v1/migrations/${migrationId}/cancel`, undefined, `${migrationId} is cancelled.`)

export const hasten = (migrationId: string) =>
  order('POST', `v1/migrations/${migrationId}/post-copy`, undefined, 'It goes on as post-copy.')

/** @param to absent: the best node. */
export async function migrate(
  vmId: string,
  to: string | undefined,
  params?: MigrateParams,
  force = false,
): Promise<void> {
  const body: z.input<typeof MigrateRequest> = {
    ...(to === undefined ? {} : { to }),
    ...(params && Object.keys(params).length > 0 ? { params } : {}),
    ...(force ? { force } : {}),
  }
  const answer = await ask(MigrationView, 'POST', `v1/vms/${vmId}/migrate`, body)
  if (isRefused(answer)) return tell(answer.refused, true)
  ownMigrations.value = new Set([...ownMigrations.peek(), answer.value.id])
  tell(`${vmId} moves to ${to ?? answer.value.to}.`, false)
}

export function clone(vmId: string, ids: string[], to: string | undefined): Promise<void> {
  const body: z.input<typeof CloneRequest> = to === undefined ? { ids } : { ids, to }
  const [first = '', last] = ids.length > 2 ? [ids[0], ids.at(-1)] : [ids.join(', ')]
  const names = last === undefined ? first : `${first} to ${last}`
  return order('POST', `v1/vms/${vmId}/clone`, body, `${names}: cloning ${vmId}.`)
}

/** What was filled in is not lost when it is refused: why, is for the form to say. */
async function declare(
  method: string,
  path: string,
  body: unknown,
  done: string,
): Promise<string | undefined> {
  const answer = await ask(z.unknown(), method, path, body)
  if (isRefused(answer)) return answer.refused
  tell(done, false)
  return undefined
}

async function order(method: string, path: string, body: unknown, done: string): Promise<void> {
  const answer = await ask(z.unknown(), method, path, body)
  if (isRefused(answer)) tell(answer.refused, true)
  else tell(done, false)
}

export function tell(text: string, bad: boolean): void {
  notice.value = { text, bad, count: (notice.peek()?.count ?? 0) + 1 }
}
