// What a person may ask of the cluster from the page, over the HTTP API; refusals come back as
// their fault's sentence. Not here: which actions are allowed when (the table in proto/state.ts).

import { signal } from '@preact/signals'
import type { z } from 'zod'
import { type CloneRequest, type MigrateRequest, Problem } from '#proto/api.ts'
import { addressOf } from './browser.ts'

/** The last answer to a person: what was accepted or refused. */
export interface Notice {
  readonly text: string
  readonly bad: boolean
  /** Two equal notices in a row are two. */
  readonly count: number
}
export const notice = signal<Notice | undefined>(undefined)

export type PlainVerb = 'pause' | 'resume' | 'stop' | 'start'

export const act = (vmId: string, verb: PlainVerb) =>
  ask('POST', `v1/vms/${vmId}/${verb}`, undefined, `${vmId}: ${verb} is accepted.`)

export const remove = (vmId: string) =>
  ask('DELETE', `v1/vms/${vmId}`, undefined, `${vmId} is removed.`)

export function migrate(vmId: string, to: string | undefined): Promise<void> {
  const body: z.input<typeof MigrateRequest> = to === undefined ? {} : { to }
  const where = to ?? 'the best node'
  return ask('POST', `v1/vms/${vmId}/migrate`, body, `${vmId} moves to ${where}.`)
}

export function clone(vmId: string, ids: string[], to: string | undefined): Promise<void> {
  const body: z.input<typeof CloneRequest> = to === undefined ? { ids } : { ids, to }
  return ask('POST', `v1/vms/${vmId}/clone`, body, `${ids.join(', ')}: cloning ${vmId}.`)
}

export const cancel = (migrationId: string) =>
  ask('POST', `v1/migrations/${migrationId}/cancel`, undefined, `${migrationId} is cancelled.`)

async function ask(method: string, path: string, body: unknown, done: string): Promise<void> {
  try {
    const answer = await fetch(addressOf(path), {
      method,
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    if (answer.ok) tell(done, false)
    else tell(await refusalOf(answer), true)
  } catch {
    tell('The coordinator does not answer; nothing was asked of it.', true)
  }
}

async function refusalOf(answer: Response): Promise<string> {
  const problem = Problem.safeParse(await answer.json().catch(() => undefined))
  return problem.success ? problem.data.fault.message : `Refused with status ${answer.status}.`
}

function tell(text: string, bad: boolean): void {
  notice.value = { text, bad, count: (notice.peek()?.count ?? 0) + 1 }
}
