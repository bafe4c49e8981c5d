// The accounts' part of the coordinator's API (proto/accounts.ts) as a typed client: logins,
// accounts, tokens, links, owners. Not here: the cluster itself (api-client.ts).

import { z } from 'zod'
import {
  type AccountRequest,
  AccountView,
  GrantView,
  IdentityView,
  type LoginRequest,
  type PasswordRequest,
  type ShareRequest,
  type ShareSessionRequest,
  type TokenRequest,
} from '#proto/accounts.ts'
import { VmView } from '#proto/api.ts'
import type { Quota } from '#proto/quotas.ts'
import { askedOf } from './api-client.ts'
import type { ApiWire } from './api-wire.ts'

export class AccountsClient {
  readonly #wire: ApiWire

  constructor(wire: ApiWire) {
    this.#wire = wire
  }

  me = () => this.#ask('GET', '/v1/me', undefined, IdentityView)
  logIn = (request: z.input<typeof LoginRequest>) =>
    this.#ask('POST', '/v1/login', request, IdentityView)
  /** By a link: a session for its VM. */
  comeBy = (request: z.input<typeof ShareSessionRequest>) =>
    this.#ask('POST', '/v1/share-session', request, IdentityView)
  logOut = () => this.#do('POST', '/v1/logout')
  accounts = () => this.#ask('GET', '/v1/accounts', undefined, z.array(AccountView))
  add = (request: z.input<typeof AccountRequest>) =>
    this.#ask('POST', '/v1/accounts', request, AccountView)
  remove = (name: string) => this.#do('DELETE', `/v1/accounts/${encodeURIComponent(name)}`)
  setPassword = (name: string, request: z.input<typeof PasswordRequest>) =>
    this.#do('PUT', `/v1/accounts/${encodeURIComponent(name)}/password`, request)
  setQuota = (name: string, quota: Quota) =>
    this.#ask('PUT', `/v1/accounts/${encodeURIComponent(name)}/quota`, quota, AccountView)
  /** Sessions, tokens and links. */
  grants = () => this.#ask('GET', '/v1/grants', undefined, z.array(GrantView))
  makeToken = (request: z.input<typeof TokenRequest>) =>
    this.#ask('POST', '/v1/tokens', request, GrantView)
  revoke = (id: string) => this.#do('DELETE', `/v1/grants/${encodeURIComponent(id)}`)
  share = (vmId: string, request: z.input<typeof ShareRequest>) =>
    this.#ask('POST', `/v1/vms/${encodeURIComponent(vmId)}/links`, request, GrantView)
  give = (vmId: string, owner: string | null) =>
    this.#ask('PUT', `/v1/vms/${encodeURIComponent(vmId)}/owner`, { owner }, VmView)

  #ask<T>(method: string, path: string, body: unknown, shape: z.ZodType<T>): Promise<T> {
    return askedOf(this.#wire, method, path, body, shape)
  }

  async #do(method: string, path: string, body?: unknown): Promise<void> {
    await askedOf(this.#wire, method, path, body, z.unknown())
  }
}
