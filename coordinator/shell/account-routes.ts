// The routes of accounts: log in and out, by password or by a link; accounts, tokens, links, and
// who owns a VM. Secrets leave once, in the answer that makes them, and are never logged.
// Not here: what any of it does (coordinator/accounts/), who may ask (guards.ts).

import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import * as schemas from '#proto/accounts.ts'
import { type Identity, may } from '#proto/accounts.ts'
import { VmView } from '#proto/api.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { asVmId } from '#proto/ids.ts'
import { Quota } from '#proto/quotas.ts'
import { type Accounts, type Session, unknownAccount } from '../accounts/accounts.ts'
import type { Grant } from '../accounts/records.ts'
import { ownedVm } from '../accounts/sight.ts'
import { unknownVm } from '../core/action-refusals.ts'
import { quotaOf } from '../core/quotas.ts'
import { retryAfter } from './guard.ts'
import { type App, ask, documented, type HttpPorts, refuse, type WithId } from './routing.ts'

export interface AccountDoor {
  readonly accounts: Accounts
  readonly cookie: string
  readonly isTls: boolean
}
type WithName = { Params: { name: string } }

export function accountRoutes(app: App, ports: HttpPorts, door: AccountDoor): void {
  sessionRoutes(app, ports, door)
  personRoutes(app, ports, door)
  tokenRoutes(app, ports, door)
  linkRoutes(app, ports, door)
}

function sessionRoutes(app: App, ports: HttpPorts, door: AccountDoor): void {
  const { accounts } = door
  const { IdentityView, LoginRequest, ShareSessionRequest } = schemas
  const login = documented('Log in', 200, IdentityView, LoginRequest)
  app.post('/v1/login', login, async (request, reply) => {
    const { name, password, as } = LoginRequest.parse(request.body)
    const session = await accounts.logIn(name, password, request.ip)
    if ('fault' in session) return refuse(retryAfter(reply, session.waitMs), session.fault)
    note(ports, name, `${name} has logged in`)
    return as === 'cookie' ? opened(reply, door, session) : viewOf(door, session, session.secret)
  })
  const byLink = documented('Come by a link', 200, IdentityView, ShareSessionRequest)
  app.post('/v1/share-session', byLink, (request, reply) => {
    const { secret, as } = ShareSessionRequest.parse(request.body)
    const session = accounts.exchange(secret)
    if ('code' in session) return refuse(reply, session)
    const vmId = session.grant.limits?.vm?.id ?? ''
    note(ports, session.grant.account, `somebody came to ${vmId} by a link`, vmId)
    return as === 'cookie' ? opened(reply, door, session) : viewOf(door, session, session.secret)
  })
  app.post('/v1/logout', documented('Log out', 204, undefined), (request, reply) => {
    const { grantId } = request.who ?? {}
    if (grantId) accounts.revoke(({ id, kind }) => id === grantId && kind === 'session')
    return reply
      .code(204)
      .header('set-cookie', cookieOf(door, '', 0))
      .send()
  })
  app.get('/v1/me', documented('Who am I', 200, IdentityView), ({ who }, reply) =>
    who
      ? { ...meOf(door, who), ...ownQuota(ports, who) }
      : refuse(reply, fault('bad-token', 'log in first')),
  )
}

function personRoutes(app: App, ports: HttpPorts, { accounts }: AccountDoor): void {
  const { AccountView, AccountRequest, PasswordRequest } = schemas
  const { state } = ports.coordinator
  const view = (name: string) => {
    const { password: _, ...shown } = accounts.all.find((each) => each.name === name) ?? {}
    const vms = [...state.vms.values()].filter(({ owner }) => owner === name).map(({ id }) => id)
    const quota = quotaOf(state, name)
    return { ...shown, vms, ...(quota && { quota }) } as schemas.AccountView
  }
  app.get('/v1/accounts', documented('All accounts', 200, z.array(AccountView)), () =>
    accounts.all.map(({ name }) => view(name)),
  )
  const add = documented('Make an account', 201, AccountView, AccountRequest)
  app.post('/v1/accounts', add, async (request, reply) => {
    const { name, role, password } = AccountRequest.parse(request.body)
    const refused = await accounts.add(name, role, password)
    if (refused) return refuse(reply, refused)
    note(ports, request.who?.name ?? '', `${name} has an account now, as ${role}`)
    return reply.code(201).send(view(name))
  })
  quotaRoutes(app, ports, accounts, view)
  const remove = documented('Remove an account', 204, undefined)
  app.delete<WithName>('/v1/accounts/:name', remove, (request, reply) => {
    const { name } = request.params
    const refused = accounts.refuseRemoval(name)
    if (refused) return refuse(reply, refused)
    // Whoever gets the name next must not get the VMs with it, whenever we are killed.
    ports.coordinator.ask({ do: 'disown', owner: name }, by(request))
    accounts.remove(name)
    note(ports, request.who?.name ?? '', `${name} has no account any more`)
    return reply.code(204).send()
  })
  const set = documented('Set a password', 204, undefined, PasswordRequest)
  app.put<WithName>('/v1/accounts/:name/password', set, async (request, reply) => {
    const { name } = request.params
    const { password, current } = PasswordRequest.parse(request.body)
    const isOwn = request.who?.name === name
    if (!isOwn && !(request.who && may(request.who, 'accounts')))
      return refuse(reply, fault('not-allowed', 'only an operator sets the password of another'))
    const refused = await accounts.setPassword(name, password, isOwn ? (current ?? '') : undefined)
    if (refused) return refuse(reply, refused)
    note(ports, request.who?.name ?? '', `${name} has a new password`)
    return reply.code(204).send()
  })
}

function quotaRoutes(
  app: App,
  { coordinator }: HttpPorts,
  accounts: Accounts,
  view: (name: string) => schemas.AccountView,
): void {
  const set = documented('How much their VMs may take', 200, schemas.AccountView, Quota)
  app.put<WithName>('/v1/accounts/:name/quota', set, (request, reply) => {
    const { name } = request.params
    const account = accounts.all.find((each) => each.name === name)
    if (!account) return refuse(reply, unknownAccount(name))
    if (account.role !== 'person') return refuse(reply, ownsNothing(name, account.role))
    const allowed = Quota.parse(request.body)
    coordinator.ask({ do: 'set-quota', person: name, allowed }, by(request))
    return reply.send(view(name))
  })
}

const ownsNothing = (name: string, role: string): Fault =>
  fault('wrong-state', `${name} is ${role}: quotas are for persons, whose VMs are their own`)

function tokenRoutes(app: App, ports: HttpPorts, { accounts }: AccountDoor): void {
  const { GrantView, TokenRequest } = schemas
  const isTheirs = (who: Identity, grant: Grant) =>
    grant.account === who.name || may(who, 'accounts') || sharesVm(ports, who, grant)
  const list = documented('Sessions, tokens and links', 200, z.array(GrantView))
  app.get('/v1/grants', list, ({ who }) =>
    accounts.grants
      .list()
      .flatMap((grant) => (who && isTheirs(who, grant) ? grantView(grant) : [])),
  )
  const make = documented('Make a token', 201, GrantView, TokenRequest)
  app.post('/v1/tokens', make, (request, reply) => {
    const { label, scope, vm: vmId, forMs } = TokenRequest.parse(request.body)
    const { who } = request
    if (!who?.name) return refuse(reply, noAccount)
    const vm = ports.coordinator.state.vms.get(asVmId(vmId ?? ''))
    if (vmId !== undefined && !(vm && may(who, 'see', ownedVm(vm))))
      return refuse(reply, unknownVm(vmId))
    const oneVm = vm && { vm: { id: vm.id, instanceId: vm.identity.instanceId } }
    const limits = { actions: scope, ...oneVm }
    const made = accounts.grants.make({ kind: 'token', account: who.name, label, limits, forMs })
    note(ports, who.name, `${who.name} has made a token for ${scope.join(', ')}`)
    return reply.code(201).send(grantView(made.grant, made.secret))
  })
  const revoke = documented('End a session, token or link', 204, undefined)
  app.delete<WithId>('/v1/grants/:id', revoke, (request, reply) => {
    const { who, params } = request
    const found = accounts.grants.list().find(({ id }) => id === params.id)
    if (!found || !who || !isTheirs(who, found))
      return refuse(reply, fault('unknown-account', `there is no token or link ${params.id}`))
    accounts.revoke(({ id }) => id === found.id)
    note(ports, who.name, `${who.name} has revoked a ${found.kind} of ${found.account}`)
    return reply.code(204).send()
  })
}

function linkRoutes(app: App, ports: HttpPorts, { accounts }: AccountDoor): void {
  const { GrantView, ShareRequest, OwnerRequest } = schemas
  const { state } = ports.coordinator
  const isOf = (vmId: string) => (grant: Grant) =>
    grant.kind === 'link' && grant.limits?.vm?.id === vmId
  const share = documented('Make a link to it', 201, GrantView, ShareRequest)
  app.post<WithId>('/v1/vms/:id/links', share, (request, reply) => {
    const { forMs, readOnly } = ShareRequest.parse(request.body)
    const vm = state.vms.get(asVmId(request.params.id))
    const account = request.who?.name
    if (!vm) return refuse(reply, unknownVm(request.params.id))
    if (!account) return refuse(reply, noAccount)
    const actions = readOnly ? (['see', 'look'] as const) : (['see', 'look', 'type'] as const)
    const limits = {
      actions: [...actions],
      vm: { id: vm.id, instanceId: vm.identity.instanceId },
    }
    const made = accounts.grants.make({ kind: 'link', account, label: vm.id, limits, forMs })
    note(ports, account, `${account} has made a link to ${vm.id}`, vm.id)
    return reply.code(201).send(grantView(made.grant, made.secret))
  })
  const list = documented('Links to it', 200, z.array(GrantView))
  app.get<WithId>('/v1/vms/:id/links', list, ({ params }) =>
    accounts.grants
      .list()
      .filter(isOf(params.id))
      .map((grant) => grantView(grant)),
  )
  const give = documented('Give it to somebody', 202, VmView, OwnerRequest)
  app.put<WithId>('/v1/vms/:id/owner', give, (request, reply) => {
    const { owner } = OwnerRequest.parse(request.body)
    if (owner !== null && !accounts.all.some(({ name }) => name === owner))
      return refuse(reply, unknownAccount(owner))
    // Links that its former owner has made lead to somebody else's VM from now on.
    accounts.revoke(isOf(request.params.id))
    const vmId = asVmId(request.params.id)
    return ask(ports, reply, { do: 'own', vmId, ...(owner !== null && { owner }) })
  })
}

/** Not for who came with a token or by a link: those are for something else. */
function ownQuota({ coordinator }: HttpPorts, { name, limits }: Identity) {
  const quota = limits ? undefined : quotaOf(coordinator.state, name)
  return quota && { quota }
}

const by = ({ who }: FastifyRequest) => who?.name || undefined
const noAccount: Fault = fault(
  'wrong-state',
  'nobody has an account yet, so everybody may do everything: make one first, `godwit user add`',
)

/** The owner of a VM may end any link to it. */
function sharesVm({ coordinator }: HttpPorts, who: Identity, { kind, limits }: Grant): boolean {
  const vm = coordinator.state.vms.get(asVmId(limits?.vm?.id ?? ''))
  return kind === 'link' && vm !== undefined && may(who, 'share', ownedVm(vm))
}

/** A line of the cluster's story: who has done what. Never a secret. */
function note({ coordinator }: HttpPorts, account: string, text: string, vmId?: string): void {
  const about = vmId !== undefined && vmId !== '' ? { vmId: asVmId(vmId) } : {}
  coordinator.ask({ do: 'note', text, ...about }, account || undefined)
}

function grantView({ hash: _, idleMs: __, link: ___, ...shown }: Grant, secret?: string) {
  return { ...shown, ...(secret !== undefined && { secret }) } satisfies schemas.GrantView
}

function opened(reply: FastifyReply, door: AccountDoor, session: Session): FastifyReply {
  const maxAgeS = (session.grant.expiresWallMs - session.grant.createdWallMs) / 1000
  const cookie = cookieOf(door, session.secret, Math.ceil(maxAgeS))
  return reply.header('set-cookie', cookie).send(viewOf(door, session))
}

/** Kept from scripts and from other sites. Source: RFC 6265bis, sections 4.1 and 4.1.3. */
const cookieOf = ({ cookie, isTls }: AccountDoor, secret: string, maxAgeS: number): string =>
  `${cookie}=${secret}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict` +
  (isTls ? '; Secure' : '')

function viewOf(door: AccountDoor, { grant }: Session, secret?: string): schemas.IdentityView {
  const { account, limits, expiresWallMs, id: grantId } = grant
  const role = door.accounts.roleOf(account)
  const view = meOf(door, { name: account, role, limits, grantId })
  return { ...view, expiresWallMs, ...(secret !== undefined && { secret }) }
}

const meOf = ({ accounts }: AccountDoor, { name, role, limits }: Identity) => ({
  ...{ name, role, open: accounts.isOpen },
  ...(limits && { limits }),
})
