// What is said to etcd over the JSON gateway that each of its members serves, in our words: keys
// and values as text, numbers as numbers, and answers checked. proto3's JSON leaves out what is
// zero, false or empty, and writes 64-bit numbers as strings.
// Not here: the connection (shell/etcd-gateway.ts), what it is used for (etcd-store.ts,
// election.ts). Source: etcd's api/etcdserverpb/rpc.proto; etcd.io, "Why gRPC gateway".

import { z } from 'zod'
import { FaultError, fault } from '#proto/faults.ts'

export interface Etcd {
  /**
   * The body of the answer. Throws a FaultError: `link-lost` when nobody knows whether it was done
   * (no answer in time, no leader), `wrong-state` when etcd said that it will not do it.
   */
  call(path: string, body: object, timeoutMs: number): Promise<unknown>
}

export type Guard =
  /** Of a key that must have been made at that revision; 0: there must be none. */
  | { readonly key: string; readonly createdAt: number }
  /** Of a key that nobody may have written since that revision; 0: there must be none. */
  | { readonly key: string; readonly writtenAt: number }

export type Write =
  | { readonly put: string; readonly value: string; readonly leaseId?: string }
  | { readonly remove: string }

export interface Found {
  readonly key: string
  readonly value: string
  readonly createdAt: number
  readonly writtenAt: number
}

export interface TxnAnswer {
  /** All guards held, and all writes were done. */
  readonly isDone: boolean
  /** Of the whole store, after it. */
  readonly revision: number
  /** When it is not done: what was looked at instead. */
  readonly found: readonly Found[]
}

export interface Txn {
  readonly guards: readonly Guard[]
  readonly writes: readonly Write[]
  /**
   * Keys to look at when a guard does not hold. With none of these and no writes etcd might answer
   * from one member's memory alone: it makes sure of its leader only for what reads or writes.
   */
  readonly otherwise: readonly [string, ...string[]]
}

export async function transact(etcd: Etcd, txn: Txn, timeoutMs: number): Promise<TxnAnswer> {
  const body = {
    compare: txn.guards.map(comparison),
    success: txn.writes.map(request),
    failure: txn.otherwise.map((key) => ({ request_range: { key: base64Of(key) } })),
  }
  const answer = read(TxnResponse, await etcd.call('/v3/kv/txn', body, timeoutMs))
  return {
    isDone: answer.succeeded,
    revision: answer.header.revision,
    found: answer.responses.flatMap((each) => each.response_range?.kvs ?? []).map(foundOf),
  }
}

/** Far below what one answer may hold. */
const pageKeys = 500

/** All keys that begin so, as they were at one revision. */
export async function readAll(etcd: Etcd, prefix: string, timeoutMs: number): Promise<Found[]> {
  const found: Found[] = []
  const rangeEnd = base64Of(after(prefix))
  for (let from = prefix, revision = 0; ; ) {
    const body = { key: base64Of(from), range_end: rangeEnd, limit: pageKeys, revision }
    const answer = read(RangeResponse, await etcd.call('/v3/kv/range', body, timeoutMs))
    found.push(...answer.kvs.map(foundOf))
    const last = found.at(-1)
    if (!answer.more || !last) return found
    revision ||= answer.header.revision
    from = `${last.key}\0`
  }
}

/** @returns its id and what it was really given */
export async function grantLease(etcd: Etcd, ttlSec: number, timeoutMs: number) {
  const answer = await etcd.call('/v3/lease/grant', { TTL: ttlSec }, timeoutMs)
  const { ID, TTL } = read(LeaseResponse, answer)
  return { leaseId: ID, ttlMs: TTL * 1000 }
}

/** @returns how long it lasts from now on; 0: there is no such lease any more */
export async function keepAlive(etcd: Etcd, leaseId: string, timeoutMs: number): Promise<number> {
  const answer = await etcd.call('/v3/lease/keepalive', { ID: leaseId }, timeoutMs)
  return read(KeepAliveResponse, answer).result.TTL * 1000
}

/** Every key that was put under it is gone with it. */
export const revokeLease = (etcd: Etcd, leaseId: string, timeoutMs: number): Promise<unknown> =>
  etcd.call('/v3/lease/revoke', { ID: leaseId }, timeoutMs)

const base64Of = (text: string): string => Buffer.from(text).toString('base64')
const textOf = (base64: string): string => Buffer.from(base64, 'base64').toString()
/** The first key that does not begin so: our prefixes end in a slash. */
const after = (prefix: string): string => `${prefix.slice(0, -1)}0`

function comparison(guard: Guard): object {
  const key = base64Of(guard.key)
  return 'createdAt' in guard
    ? { key, target: 'CREATE', result: 'EQUAL', create_revision: String(guard.createdAt) }
    : { key, target: 'MOD', result: 'EQUAL', mod_revision: String(guard.writtenAt) }
}

function request(write: Write): object {
  if ('remove' in write) return { request_delete_range: { key: base64Of(write.remove) } }
  const { put, value, leaseId } = write
  const lease = leaseId === undefined ? {} : { lease: leaseId }
  return { request_put: { key: base64Of(put), value: base64Of(value), ...lease } }
}

const int64 = z.string().regex(/^\d+$/).transform(Number).pipe(z.int())
const header = z.object({ revision: int64.default(0) })
const KeyValue = z.object({
  key: z.string(),
  value: z.string().default(''),
  create_revision: int64.default(0),
  mod_revision: int64.default(0),
})
const kvs = z.array(KeyValue).default([])
const RangeResponse = z.object({ header, kvs, more: z.boolean().default(false) })
const TxnResponse = z.object({
  header,
  succeeded: z.boolean().default(false),
  responses: z.array(z.object({ response_range: z.object({ kvs }).optional() })).default([]),
})
/** A lease's id needs all of its 64 bits: it stays text. */
const leaseId = z.string().regex(/^\d+$/)
const LeaseResponse = z.object({ ID: leaseId, TTL: int64 })
const KeepAliveResponse = z.object({ result: z.object({ TTL: int64.default(0) }) })

function foundOf(kv: z.infer<typeof KeyValue>): Found {
  const { key, value, create_revision: createdAt, mod_revision: writtenAt } = kv
  return { key: textOf(key), value: textOf(value), createdAt, writtenAt }
}

/** What comes from the network is a fault when it is not what it should be. */
function read<T>(schema: z.ZodType<T>, answer: unknown): T {
  const checked = schema.safeParse(answer)
  if (checked.success) return checked.data
  const issue = checked.error.issues[0]
  const where = issue?.path.map(String).join('.') || 'the answer'
  throw new FaultError(
    fault(
      'link-lost',
      `no answer of etcd: ${where}: ${issue?.message}; is --store its client URL?`,
    ),
  )
}
