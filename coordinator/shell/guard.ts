// The one gate that every request and every socket passes: who is it, may they do that, how often
// do they ask, and what of the answer do they see. What is denied is a problem document that names
// the mend; a VM that is not to be seen looks exactly like one that is not there.
// Not here: which route needs what (guards.ts), who may do what (proto/accounts.ts).

import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Action, type Identity, may, mayAnywhere } from '#proto/accounts.ts'
import type { Problem } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import type { Accounts, Credential } from '../accounts/accounts.ts'
import { ownedVm, Sight } from '../accounts/sight.ts'
import { TokenBuckets } from '../accounts/token-bucket.ts'
import { unknownVm } from '../core/action-refusals.ts'
import type { ClusterState } from '../core/cluster-state.ts'
import { type Asked, type Guard, guards } from './guards.ts'
import { isOwnPage, isSafeHost, isSameHost } from './origin.ts'
import { isOther } from './others.ts'
import { problemOf, sendProblem } from './problems.ts'
import type { App } from './routing.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; undefined: a stranger, at an open route. */
    who: Identity | undefined
  }
  interface FastifyInstance {
    /** `METHOD path` of every route there is: each needs a guard. */
    routeKeys: Set<string>
  }
}

/** Somebody at the door, by what they have sent. */
export interface Caller {
  readonly headers: IncomingHttpHeaders
  readonly address: string
  readonly method: string
}

export interface GatePorts {
  readonly accounts: Accounts
  readonly state: ClusterState
  nowMs(): number
  /** Of several coordinators, the others: their pages may ask whether this one leads. */
  others(): readonly { readonly address: string }[]
  /** What the session's cookie is called. */
  readonly cookie: string
  readonly isTls: boolean
}

export class Gate {
  readonly #ports: GatePorts
  readonly #buckets = new TokenBuckets()

  constructor(ports: GatePorts) {
    this.#ports = ports
  }

  /** Nobody has an account. */
  get isOpen(): boolean {
    return this.#ports.accounts.isOpen
  }

  /** Told after anything that may end what somebody is just doing. */
  onChange(fn: () => void): void {
    this.#ports.accounts.onChange(fn)
  }

  /** Who calls, and how often. A page of another site gets nowhere. */
  admit(caller: Caller, key: string): { readonly who: Identity | undefined } | Denial {
    const { accounts, isTls, others } = this.#ports
    const { headers, address } = caller
    const isHealth = key === 'GET /healthz' && isOther(headers, others())
    if (!isHealth && !isSameHost(headers, isTls)) return { denied: foreignPage }
    const credential = credentialOf(headers, this.#ports.cookie)
    const isChange = !['GET', 'HEAD'].includes(caller.method) || key.startsWith('WS')
    if (credential?.by === 'cookie' && isChange && !isOwnPage(headers))
      return { denied: foreignPage }
    // Agents show the cluster's token in their first message, and many come from one address.
    if (guards[key]?.action === 'agent') return { who: undefined }
    if (accounts.isOpen && !isSafeHost(headers)) return { denied: strangeHost }
    const who = accounts.identify(credential, true)
    const waitMs = accounts.isOpen ? 0 : this.#count(who, address)
    if (waitMs > 0) return { denied: tooOften, waitMs }
    return { who }
  }

  /** The same one a while later: may they still? Counts as no use. */
  again({ headers }: Caller): Identity | undefined {
    return this.#ports.accounts.identify(credentialOf(headers, this.#ports.cookie), false)
  }

  /** Why not; undefined: they may. */
  judge(key: string, who: Identity | undefined, asked: Asked): Fault | undefined {
    const { accounts, state } = this.#ports
    const guard = guards[key]
    if (guard?.action === 'open' || guard?.action === 'agent' || accounts.isOpen) return undefined
    if (!who) return notLoggedIn
    if (!guard) return noGuard
    const refused = judgeSubject(guard, who, asked, state)
    if (refused || asked.body === undefined) return refused
    return judgeBody(guard, who, asked, state)
  }

  sight = (who: Identity): Sight => new Sight(who, this.#ports.state)

  /** What of an answer they see. */
  shown(key: string, who: Identity | undefined, answer: unknown): unknown {
    const shown = guards[key]?.shown
    return shown && who ? shown(this.sight(who), answer as never) : answer
  }

  #count(who: Identity | undefined, address: string): number {
    const key = who ? `${who.name} ${who.grantId ?? ''}` : address
    return this.#buckets.take(key, this.#ports.nowMs(), who === undefined)
  }
}

export interface Denial {
  readonly denied: Fault
  readonly waitMs?: number
}

function judgeSubject(guard: Guard, who: Identity, asked: Asked, state: ClusterState) {
  const action = guard.action as Exclude<Guard['action'], 'open' | 'agent'>
  if (!mayAnywhere(who, action)) return notAllowed(who, action)
  if (guard.of === 'each') return undefined
  if (guard.of === 'cluster') return may(who, action) ? undefined : notAllowed(who, action)
  const subject = guard.of(state, asked)
  if (subject && may(who, action, subject)) return undefined
  // Whoever sees all may hear that it is not there from the route itself.
  if (!subject && may(who, 'see-cluster')) return undefined
  return subject && may(who, 'see', subject)
    ? notAllowed(who, action)
    : unseen(asked.params.id ?? asked.params.name ?? '', asked.params.id === undefined)
}

function judgeBody(guard: Guard, who: Identity, asked: Asked, state: ClusterState) {
  const sight = new Sight(who, state)
  const also = guard.also?.(asked, state, sight)
  if (also?.needs && !may(who, also.needs)) return notAllowed(who, also.needs)
  if (also?.vm) {
    const vm = [...state.vms.values()].find(({ id }) => id === also.vm?.id)
    if (!vm || !may(who, 'see', ownedVm(vm))) return unknownVm(also.vm.id)
    if (!may(who, also.vm.action, ownedVm(vm))) return notAllowed(who, also.vm.action)
  }
  const template = also?.template === undefined ? undefined : state.templates.get(also.template)
  const isHidden = template && !sight.mayBeginFrom({ name: template.id, owner: template.owner })
  const mayName = may(who, 'see-cluster')
  if (also?.template !== undefined && !mayName && (isHidden || !template))
    return unseen(also.template, true)
  return undefined
}

const unseen = (name: string, isTemplate: boolean): Fault =>
  isTemplate ? fault('unknown-snapshot', `there is no template ${name}`) : unknownVm(name)

const deeds: Readonly<Record<Action, string>> = {
  see: 'see VMs',
  look: 'open consoles',
  type: 'type on consoles',
  use: 'change VMs',
  copy: 'copy VMs',
  share: 'make links',
  run: 'run VMs',
  place: 'say where a VM runs, in which network, or who comes first',
  'see-cluster': 'see nodes and rules',
  'run-cluster': 'change the cluster',
  accounts: 'change accounts and owners',
  self: 'change their own account',
}

const notAllowed = ({ role, limits }: Identity, action: Action): Fault =>
  fault(
    'not-allowed',
    limits
      ? `this token or link was not made for ${action}: make one with that scope, or log in`
      : `a ${role} may not ${deeds[action]}: ask an operator`,
  )
const notLoggedIn = fault('bad-token', 'log in first: `godwit login`, or the page of the cluster')
const noGuard = fault('not-allowed', 'this route has no guard yet: nobody may use it')
const tooOften = fault('too-many-requests', 'too many requests: wait a moment, then go on')
const foreignPage = fault(
  'bad-request',
  'a page of another host may not use this API: open the page that the coordinator serves',
)
const strangeHost = fault(
  'bad-request',
  'without accounts this API answers to localhost and to addresses only, not to this host name',
)

/** A program's bearer secret, or the one session cookie; two of that name are somebody's trick. */
function credentialOf(headers: IncomingHttpHeaders, cookie: string): Credential | undefined {
  const bearer = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1]
  if (bearer) return { by: 'bearer', secret: bearer }
  const found = (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${cookie}=`))
  const [only] = found
  if (found.length !== 1 || only === undefined) return undefined
  return { by: 'cookie', secret: only.slice(cookie.length + 1) }
}

export const callerOf = ({ headers, socket, method }: FastifyRequest['raw']): Caller => ({
  headers,
  address: socket.remoteAddress ?? '',
  method: method ?? 'GET',
})

/** Puts the gate before every route of the API, whenever it is added. */
export function guardRoutes(app: App, gate: Gate): void {
  app.decorateRequest('who', undefined)
  app.decorate('routeKeys', new Set<string>())
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') app.routeKeys.add(`${each} ${url}`)
  })
  const keyOf = ({ method, routeOptions }: FastifyRequest) =>
    `${method === 'HEAD' ? 'GET' : method} ${routeOptions.url ?? ''}`
  const askedOf = (request: FastifyRequest, body?: unknown): Asked => ({
    params: request.params as Record<string, string>,
    ...(body !== undefined && { body }),
  })
  app.addHook('onRequest', (request, reply, done) => {
    const admitted = gate.admit(callerOf(request.raw), keyOf(request))
    if ('denied' in admitted) return void deny(reply, admitted)
    request.who = admitted.who
    // Files of the page are found by the handler of what has no route.
    if (request.is404) return done()
    const denied = gate.judge(keyOf(request), request.who, askedOf(request))
    if (denied) deny(reply, { denied })
    else done()
  })
  app.addHook('preHandler', (request, reply, done) => {
    if (request.is404) return done()
    const body: unknown = request.body ?? {}
    const denied = gate.judge(keyOf(request), request.who, askedOf(request, body))
    if (denied) deny(reply, { denied })
    else done()
  })
  app.addHook('preSerialization', (request, reply, answer, done) => {
    const isGood = reply.statusCode < 300
    done(null, isGood ? gate.shown(keyOf(request), request.who, answer) : answer)
  })
}

function deny(reply: FastifyReply, denial: Denial): void {
  sendProblem(retryAfter(reply, denial.waitMs), problemOfDenial(denial))
}

/** Not a wrong request, but one from the wrong place. */
export const problemOfDenial = ({ denied }: Denial): Problem =>
  problemOf(denied, denied.code === 'bad-request' ? 403 : undefined)

export const retryAfter = (reply: FastifyReply, waitMs = 0): FastifyReply =>
  waitMs > 0 ? reply.header('retry-after', Math.ceil(waitMs / 1000)) : reply
