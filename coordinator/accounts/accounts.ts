// Who people are: accounts with roles, how they log in, and by which grants they come back. While
// nobody has an account the cluster is open, if its shell says that it may be: then everybody is an
// operator. From the first account on, everybody has to show who they are.
// Not here: what a role may (proto/accounts.ts), HTTP (shell/account-routes.ts). Times in ms.

import type { Identity, Limits, Role } from '#proto/accounts.ts'
import { type Fault, fault } from '#proto/faults.ts'
import { hexOf } from '../identity.ts'
import { type GrantPorts, Grants } from './grants.ts'
import { LoginPace } from './login-pace.ts'
import { Account, Grant, type Passwords } from './records.ts'

export interface AccountPorts extends GrantPorts {
  readonly passwords: Passwords
  nowMs(): number
  /** Without accounts, everybody may do everything: only where no stranger can ask. */
  readonly mayBeOpen: boolean
  /** SHA-256, in hex, of the secret of this machine's own operator. */
  readonly machineHash?: string | undefined
}

/** How somebody comes: by a cookie, or by a secret that a program was given. */
export interface Credential {
  readonly by: 'cookie' | 'bearer'
  readonly secret: string
}

export interface Session {
  readonly grant: Grant
  readonly secret: string
}

/** Of a page that is left alone, and of one that is not. */
const idleMsMax = 2 * 3_600_000
const sessionMs = 12 * 3_600_000
/** Who may read this machine's operator secret. */
export const machineName = 'machine'
const everybody: Identity = { name: '', role: 'operator' }

export class Accounts {
  readonly grants: Grants
  readonly #ports: AccountPorts
  readonly #accounts = new Map<string, Account>()
  readonly #pace = new LoginPace()
  readonly #onChange: (() => void)[] = []

  constructor(ports: AccountPorts) {
    this.#ports = ports
    const stored = ports.shelf.load()
    for (const { kind, value } of stored)
      if (kind === 'account') this.#accounts.set(Account.parse(value).name, Account.parse(value))
    const grants = stored.filter(({ kind }) => kind === 'grant')
    this.grants = new Grants(
      ports,
      grants.map(({ value }) => Grant.parse(value)),
    )
  }

  /** Everybody may do everything. */
  get isOpen(): boolean {
    return this.#accounts.size === 0 && this.#ports.mayBeOpen
  }

  get all(): readonly Account[] {
    return [...this.#accounts.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  roleOf(name: string): Role {
    return name === machineName ? 'operator' : (this.#accounts.get(name)?.role ?? 'person')
  }

  /** Told after anything that may end what somebody is just doing. */
  onChange(fn: () => void): void {
    this.#onChange.push(fn)
  }

  /** Who that is; undefined: nobody we know. @param isUse it is not only looked at */
  identify(credential: Credential | undefined, isUse: boolean): Identity | undefined {
    if (!credential) return this.isOpen ? everybody : undefined
    const { by, secret } = credential
    if (by === 'bearer' && this.#hash(secret) === this.#ports.machineHash)
      return { name: machineName, role: 'operator' }
    const kinds = by === 'cookie' ? (['session'] as const) : (['session', 'token'] as const)
    const grant = this.grants.find(secret, kinds, isUse)
    const account = this.#accounts.get(grant?.account ?? '')
    if (grant && account) return identityOf(account.name, account.role, grant)
    if (grant?.account === machineName) return identityOf(machineName, 'operator', grant)
    return this.isOpen ? everybody : undefined
  }

  /** Takes as long for a name that nobody has. */
  async logIn(name: string, password: string, address: string): Promise<Session | Refusal> {
    const keys = [`account ${name}`, `address ${address}`] as const
    const waitMs = this.#pace.waitMs(keys, this.#ports.nowMs())
    if (waitMs > 0) return { fault: tooManyTries(waitMs), waitMs }
    this.#pace.count(keys, this.#ports.nowMs())
    const account = this.#accounts.get(name)
    const isRight = await this.#ports.passwords.verify(password, account?.password)
    // It may have been removed, or got another password, meanwhile.
    const now = this.#accounts.get(name)
    if (!isRight || !now || now.password !== account?.password) return { fault: wrongLogin }
    this.#pace.forgive(...keys)
    return this.openSession(name, 'login')
  }

  openSession(account: string, label: string, limits?: Limits, link?: Grant): Session {
    const forMs = Math.min(sessionMs, (link?.expiresWallMs ?? Infinity) - this.#ports.wallMs())
    return this.grants.make({
      ...{ kind: 'session', account, label, limits, link: link?.id },
      ...{ forMs, idleMs: idleMsMax },
    })
  }

  /** A link's secret against a session that may do what the link allows, and nothing else. */
  exchange(secret: string): Session | Fault {
    const link = this.grants.find(secret, ['link'], true)
    if (!link) return fault('bad-token', 'this link has expired or was revoked: ask for another')
    return this.openSession(link.account, 'link', link.limits, link)
  }

  async add(name: string, role: Role, password: string): Promise<Fault | undefined> {
    const refused = this.#refuseNew(name, role)
    if (refused) return refused
    const hash = await this.#ports.passwords.hash(password)
    const late = this.#refuseNew(name, role)
    if (late) return late
    this.#keep({ name, role, password: hash, createdWallMs: this.#ports.wallMs() })
    return undefined
  }

  /** Why it stays; undefined: it may go. */
  refuseRemoval(name: string): Fault | undefined {
    if (!this.#accounts.has(name)) return unknownAccount(name)
    const others = this.all.filter((account) => account.name !== name)
    const isLast = others.length > 0 && !others.some(({ role }) => role === 'operator')
    return isLast ? lastOperator : undefined
  }

  /** All that was given out in its name ends before: whoever gets the name must get none of it. */
  remove(name: string): Fault | undefined {
    const refused = this.refuseRemoval(name)
    if (refused) return refused
    this.revoke((grant) => grant.account === name)
    this.#ports.shelf.remove('account', name)
    this.#accounts.delete(name)
    this.#changed()
    return undefined
  }

  /** Who has a session of theirs may not guess on: at the pace of logins, but in nobody's way. */
  async #prove({ name, password }: Account, current: string): Promise<Fault | undefined> {
    const key = `current password of ${name}`
    const waitMs = this.#pace.waitMs([key], this.#ports.nowMs())
    if (waitMs > 0) return tooManyTries(waitMs)
    this.#pace.count([key], this.#ports.nowMs())
    if (!(await this.#ports.passwords.verify(current, password))) return wrongLogin
    this.#pace.forgive(key)
    return undefined
  }

  /** Whoever had the old one is out before it counts: sessions, tokens and links end. */
  async setPassword(name: string, password: string, current?: string): Promise<Fault | undefined> {
    const account = this.#accounts.get(name)
    if (!account) return unknownAccount(name)
    const refused = current === undefined ? undefined : await this.#prove(account, current)
    if (refused) return refused
    const hash = await this.#ports.passwords.hash(password)
    if (this.#accounts.get(name) !== account) return unknownAccount(name)
    this.revoke((grant) => grant.account === name)
    this.#keep({ ...account, password: hash })
    return undefined
  }

  revoke(isMeant: (grant: Grant) => boolean): Grant[] {
    const revoked = this.grants.revoke(isMeant)
    this.#changed()
    return revoked
  }

  #refuseNew(name: string, role: Role): Fault | undefined {
    if (this.#accounts.has(name))
      return fault('name-taken', `there is an account ${name} already: choose another name`)
    if (name === machineName)
      return fault('name-taken', `${machineName} is who reads the cluster's own operator secret`)
    if (this.#accounts.size === 0 && role !== 'operator')
      return fault(
        'wrong-state',
        'the first account must be an operator, or nobody could make others: --role operator',
      )
    return undefined
  }

  #keep(account: Account): void {
    this.#ports.shelf.put({ kind: 'account', id: account.name, value: account })
    this.#accounts.set(account.name, account)
    this.#changed()
  }

  #changed(): void {
    for (const fn of this.#onChange) fn()
  }

  #hash = (secret: string): string => hexOf(this.#ports.sha256(new TextEncoder().encode(secret)))
}

export interface Refusal {
  readonly fault: Fault
  readonly waitMs?: number
}

function identityOf(name: string, role: Role, { id, limits }: Grant): Identity {
  return { name, role, grantId: id, ...(limits && { limits }) }
}

const wrongLogin = fault('bad-token', 'name or password is wrong')
const lastOperator = fault(
  'wrong-state',
  'it is the last operator: make another one first, or remove all other accounts before it',
)
export const unknownAccount = (name: string): Fault =>
  fault('unknown-account', `there is no account ${name}: \`godwit user list\` lists them`)
const tooManyTries = (waitMs: number): Fault =>
  fault('too-many-requests', `too many failed tries: wait ${Math.ceil(waitMs / 1000)} s`)
