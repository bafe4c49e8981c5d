// An etcd in memory, on the world's clock: one history of revisions, leases that run out, and what
// its JSON gateway says. test/coordinator/etcd/etcd-words.test.ts holds it and the real one to one
// suite. Not here: members, elections of its own, history of old revisions; the ways to it
// (sim-council.ts). Times in ms.

import type { Clock } from '#env/env.ts'
import { FaultError, fault } from '#proto/faults.ts'

interface Kept {
  readonly key: string
  readonly value: string
  readonly create_revision: string
  readonly mod_revision: string
  readonly lease?: string
}
interface Lease {
  readonly ttlMs: number
  endsAtMs: number
}
interface Operation {
  readonly request_put?: { readonly key: string; readonly value: string; readonly lease?: string }
  readonly request_delete_range?: { readonly key: string }
  readonly request_range?: RangeAsked
}
interface RangeAsked {
  readonly key: string
  readonly range_end?: string
  readonly limit?: number
}
interface Compare {
  readonly key: string
  readonly target: 'CREATE' | 'MOD'
  readonly create_revision?: string
  readonly mod_revision?: string
}

const operationsMax = 128
const requestBytesMax = 1.5 * (1 << 20)
const ttlSecMin = 2

export class SimEtcd {
  readonly kept = new Map<string, Kept>()
  readonly leases = new Map<string, Lease>()
  /** Transactions that were done and wrote something. */
  writes = 0
  /** It does so many more of those, and then nothing any more. */
  writesLeft = Number.POSITIVE_INFINITY
  readonly clock: Clock
  #revision = 1
  #nextLease = 7_000_000_000_000_000_001n

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** As if etcd had lost it, or somebody had revoked it. */
  endLease(id: string): void {
    this.leases.delete(id)
    const gone = [...this.kept].filter(([, { lease }]) => lease === id)
    if (gone.length > 0) this.#revision++
    for (const [key] of gone) this.kept.delete(key)
  }

  /** By its plain name. */
  valueOf(name: string): string | undefined {
    const kept = this.kept.get(base64Of(name))
    return kept && Buffer.from(kept.value, 'base64').toString()
  }

  /** What a member does with a request. */
  answer(path: string, body: never): unknown {
    for (const [id, { endsAtMs }] of [...this.leases])
      if (this.clock.nowMs() >= endsAtMs) this.endLease(id)
    if (path === '/v3/kv/txn') return this.#transact(body)
    if (path === '/v3/kv/range') return this.#range(body)
    if (path === '/v3/lease/grant') return this.#grant(body)
    if (path === '/v3/lease/keepalive') return { result: this.#keepAlive(body) }
    if (path === '/v3/lease/revoke') return this.#revoke(body)
    throw refused(`no such path: ${path}`)
  }

  #transact(body: {
    readonly compare: readonly Compare[]
    readonly success: readonly Operation[]
    readonly failure: readonly Operation[]
  }): unknown {
    if (body.success.length > operationsMax) throw refused('too many operations in txn request')
    if (JSON.stringify(body).length * 0.75 > requestBytesMax) throw refused('request is too large')
    const isMet = body.compare.every((one) => this.#isMet(one))
    const todo = isMet ? body.success : body.failure
    const writes = todo.filter(({ request_range }) => !request_range)
    if (writes.length > 0 && this.writesLeft-- <= 0) throw unanswered('etcd is gone')
    if (writes.length > 0) this.#revision++
    if (writes.length > 0) this.writes++
    const responses = todo.map((one) => this.#operate(one))
    return { header: this.#header(), ...(isMet && { succeeded: true }), responses }
  }

  #isMet({ key, target, create_revision = '0', mod_revision = '0' }: Compare): boolean {
    const kept = this.kept.get(key)
    return target === 'CREATE'
      ? (kept?.create_revision ?? '0') === create_revision
      : (kept?.mod_revision ?? '0') === mod_revision
  }

  #operate({ request_put: put, request_delete_range: gone, request_range }: Operation): object {
    if (request_range) return { response_range: this.#range(request_range) }
    if (gone) this.kept.delete(gone.key)
    if (!put) return {}
    const { key, value, lease } = put
    if (lease !== undefined && !this.leases.has(lease)) throw refused('requested lease not found')
    const mod_revision = String(this.#revision)
    const create_revision = this.kept.get(key)?.create_revision ?? mod_revision
    const kept = { key, value, create_revision, mod_revision, ...(lease && { lease }) }
    this.kept.set(key, kept)
    return { response_put: {} }
  }

  #range({ key, range_end: end, limit = 0 }: RangeAsked): unknown {
    const plain = (base64: string) => Buffer.from(base64, 'base64').toString('latin1')
    const [from, to] = [plain(key), end === undefined ? undefined : plain(end)]
    const kvs = [...this.kept.values()]
      .filter((one) => (to === undefined ? one.key === key : isIn(plain(one.key), from, to)))
      .sort((a, b) => (plain(a.key) < plain(b.key) ? -1 : 1))
    const shown = limit > 0 ? kvs.slice(0, limit) : kvs
    const more = shown.length < kvs.length
    return {
      header: this.#header(),
      ...(shown.length > 0 && { kvs: shown }),
      ...(more && { more }),
    }
  }

  #grant({ TTL }: { readonly TTL: number }): unknown {
    const ttlSec = Math.max(ttlSecMin, TTL)
    const id = String(this.#nextLease++)
    const ttlMs = ttlSec * 1000
    this.leases.set(id, { ttlMs, endsAtMs: this.clock.nowMs() + ttlMs })
    return { header: this.#header(), ID: id, TTL: String(ttlSec) }
  }

  #keepAlive({ ID }: { readonly ID: string }): unknown {
    const lease = this.leases.get(ID)
    if (!lease) return { header: this.#header(), ID }
    lease.endsAtMs = this.clock.nowMs() + lease.ttlMs
    return { header: this.#header(), ID, TTL: String(lease.ttlMs / 1000) }
  }

  #revoke({ ID }: { readonly ID: string }): unknown {
    if (!this.leases.has(ID)) throw refused('requested lease not found')
    this.endLease(ID)
    return { header: this.#header() }
  }

  #header(): object {
    return { revision: String(this.#revision) }
  }
}

const isIn = (key: string, from: string, to: string) => key >= from && key < to
const base64Of = (text: string) => Buffer.from(text).toString('base64')
const refused = (text: string) => new FaultError(fault('wrong-state', `etcd refuses: ${text}`))
export const unanswered = (text: string) => new FaultError(fault('link-lost', `no answer: ${text}`))
