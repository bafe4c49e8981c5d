// What all routes of the HTTP API have in common: how one is documented (the OpenAPI document comes
// from the same zod schemas that check the bodies), and how the core is asked.

import type { RequestListener, Server } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Random } from '#env/env.ts'
import * as api from '#proto/api.ts'
import type { Fault } from '#proto/faults.ts'
import type { StoreView } from '#proto/store-view.ts'
import { clientTraceOf } from '#proto/trace-context.ts'
import { type Coordinator, isFault } from '../coordinator.ts'
import type { ApiCommand } from '../core/step-context.ts'
import type { Candidate } from '../etcd/election.ts'
import type { LoadLog } from '../loads/load-log.ts'
import type { Launcher } from './launcher.ts'
import type { CoordinatorMetrics } from './metrics.ts'
import { problemOf, sendProblem } from './problems.ts'

export interface HttpPorts {
  readonly coordinator: Coordinator
  readonly loads: LoadLog
  readonly metrics: CoordinatorMetrics
  readonly random: Random
  /** Absent: plain HTTP. */
  readonly serverFactory?: (handler: RequestListener) => Server
  /** Absent: nothing may be broken on purpose. */
  readonly laboratory?: Launcher | undefined
  /** Of several coordinators, the others. */
  others(): readonly Candidate[]
  /** Where it keeps what it knows, and whether that is well; absent: in a file. */
  store?(): Promise<StoreView>
  nowMs(): number
  /** A step threw: a bug. The process must not go on. */
  onBug(thrown: unknown): void
}

export type App = FastifyInstance

/** A zod schema as the JSON schema that fastify checks and documents. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-7', io })
  return rest
}

/** What a route is called in the OpenAPI document, what it takes, and what it gives. */
export function documented(
  summary: string,
  status: number,
  answer: z.ZodType | undefined,
  body?: z.ZodType,
) {
  const problem = { description: 'a problem document', ...jsonSchema(api.Problem, 'output') }
  const good = answer ? jsonSchema(answer, 'output') : { description: 'done', type: 'null' }
  return {
    schema: {
      summary,
      ...(body && { body: jsonSchema(body, 'input') }),
      response: { [status]: { description: summary, ...good }, '4xx': problem },
    },
  }
}

export const refuse = (reply: FastifyReply, why: Fault) => sendProblem(reply, problemOf(why))

/** Asks the core; 202 with what was decided, or a problem. */
export function ask(ports: HttpPorts, reply: FastifyReply, command: ApiCommand, status = 202) {
  const { who, headers } = reply.request
  const trace = clientTraceOf(headers.traceparent)
  const answer = ports.coordinator.ask(command, who?.name || undefined, trace)
  if (isFault(answer)) return refuse(reply, answer.fault)
  return reply.code(status).send(answer.value ?? undefined)
}

export type WithId = { Params: { id: string } }

export function defaultBody(request: FastifyRequest, _reply: FastifyReply, done: () => void): void {
  request.body ??= {}
  done()
}
