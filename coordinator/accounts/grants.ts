// Grants: sessions, tokens and links. Each is a secret that was given out once and is kept only as
// its SHA-256, so that looking one up tells nothing of it. A grant ends by its time, when it was
// not used for long, when it is revoked, with its account, and with the link it came by.
// Not here: what a grant allows (proto/accounts.ts). Times in wall ms.

import type { Limits } from '#proto/accounts.ts'
import { hexOf } from '../identity.ts'
import { type AccountShelf, Grant } from './records.ts'

export interface GrantPorts {
  readonly shelf: AccountShelf
  wallMs(): number
  randomBytes(length: number): Uint8Array
  sha256(bytes: Uint8Array): Uint8Array
}

export interface GrantWish {
  readonly kind: Grant['kind']
  readonly account: string
  readonly label: string
  readonly limits?: Limits | undefined
  readonly link?: string | undefined
  readonly forMs: number
  readonly idleMs?: number
}

const prefixes = { session: 'gws_', token: 'gwt_', link: 'gwl_' } as const
/** 256 bits: nobody guesses one. */
const secretBytes = 32
/** Of one kind, of one account or link: whoever makes more ends the oldest. */
const grantsMax = 100
/** When it was last used is written down so often at most. */
const usedEveryMs = 60_000

export class Grants {
  readonly #ports: GrantPorts
  readonly #byHash = new Map<string, Grant>()
  readonly #usedWallMs = new Map<string, number>()

  constructor(ports: GrantPorts, stored: readonly Grant[]) {
    this.#ports = ports
    // The oldest first, as they were made: a store has no such order.
    const byAge = [...stored].sort((a, b) => a.createdWallMs - b.createdWallMs)
    for (const grant of byAge) this.#byHash.set(grant.hash, grant)
  }

  /** The secret is in no record and no log: whoever gets it must keep it. */
  make(wish: GrantWish): { readonly grant: Grant; readonly secret: string } {
    const nowMs = this.#ports.wallMs()
    const secret = prefixes[wish.kind] + hexOf(this.#ports.randomBytes(secretBytes))
    const { forMs, ...fields } = wish
    const grant = Grant.parse({
      ...JSON.parse(JSON.stringify(fields)),
      ...{ id: hexOf(this.#ports.randomBytes(6)), hash: this.#hashOf(secret) },
      ...{ createdWallMs: nowMs, expiresWallMs: nowMs + forMs, usedWallMs: nowMs },
    })
    this.#sweep()
    this.#keep(grant)
    this.#dropOldest(grant)
    return { grant, secret }
  }

  /** The living grant of this secret. @param isUse not only a look whether it still lives */
  find(secret: string, kinds: readonly Grant['kind'][], isUse: boolean): Grant | undefined {
    const grant = this.#byHash.get(this.#hashOf(secret))
    if (!grant || !kinds.includes(grant.kind)) return undefined
    if (!this.#isAlive(grant)) {
      this.#drop(grant)
      return undefined
    }
    if (isUse) this.#use(grant)
    return grant
  }

  /** All that live. */
  list(): Grant[] {
    this.#sweep()
    return [...this.#byHash.values()]
  }

  /** Ends those that are meant, and sessions that came by a link that ends. */
  revoke(isMeant: (grant: Grant) => boolean): Grant[] {
    const meant = [...this.#byHash.values()].filter(isMeant)
    const links = new Set(meant.map(({ id }) => id))
    const all = [...this.#byHash.values()].filter(
      (grant) => meant.includes(grant) || (grant.link !== undefined && links.has(grant.link)),
    )
    for (const grant of all) this.#drop(grant)
    return all
  }

  #dropOldest({ kind, account, link }: Grant): void {
    const like = [...this.#byHash.values()].filter(
      (other) => other.kind === kind && other.account === account && other.link === link,
    )
    const [oldest] = like
    if (oldest && like.length > grantsMax) this.#drop(oldest)
  }

  #isAlive(grant: Grant): boolean {
    const nowMs = this.#ports.wallMs()
    const usedMs = this.#usedWallMs.get(grant.id) ?? grant.usedWallMs
    return nowMs < grant.expiresWallMs && nowMs - usedMs < (grant.idleMs ?? Infinity)
  }

  #use(grant: Grant): void {
    const nowMs = this.#ports.wallMs()
    this.#usedWallMs.set(grant.id, nowMs)
    if (nowMs - grant.usedWallMs >= usedEveryMs) this.#keep({ ...grant, usedWallMs: nowMs })
  }

  #sweep(): void {
    for (const grant of [...this.#byHash.values()]) if (!this.#isAlive(grant)) this.#drop(grant)
  }

  #keep(grant: Grant): void {
    this.#ports.shelf.put({ kind: 'grant', id: grant.id, value: grant })
    this.#byHash.set(grant.hash, grant)
  }

  #drop(grant: Grant): void {
    this.#ports.shelf.remove('grant', grant.id)
    this.#byHash.delete(grant.hash)
    this.#usedWallMs.delete(grant.id)
  }

  #hashOf = (secret: string): string => hexOf(this.#ports.sha256(new TextEncoder().encode(secret)))
}
