// The coordinator's store in etcd. A step is one transaction that only the leader of this term can
// do: each is guarded by the revision of the leader's key. One is under way at a time; what comes
// meanwhile goes together into the next (group commit). Each also replaces the key `head` as the
// one before it left it, so that a try whose answer got lost, and which arrives late, changes
// nothing: it is either the one that counted, or it finds another head.
// Steps that are larger than a transaction may be are first written down whole (`batch/`), and
// count from when `head` says so; then they are spread over the records. Whoever loads finishes
// that.
// Not here: who leads (election.ts). Source: docs/decisions/0010-several-coordinators.md.

import { z } from 'zod'
import type { Clock } from '#env/env.ts'
import { sleep } from '#env/sleep.ts'
import { FaultError, fault, faultOf } from '#proto/faults.ts'
import { jsonOf } from '#proto/json.ts'
import type { AccountShelf, ShelfEntry } from '../accounts/records.ts'
import type { RecordKey, RecordKind, StoredRecord } from '../core/records.ts'
import type { ClusterStore } from '../store.ts'
import { type Etcd, type Found, readAll, type Txn, transact, type Write } from './etcd-words.ts'
import type { Leadership } from './leadership.ts'

export interface EtcdStorePorts {
  readonly etcd: Etcd
  readonly clock: Clock
  readonly leadership: Leadership
  /** Everything of this cluster is under it; ends in a slash. */
  readonly prefix: string
}

export const leaderKeyOf = (prefix: string): string => `${prefix}leader`

/** Below etcd's own limits of a request: 128 operations, 1.5 MiB of base64 and all. */
const writesMax = 100
const bytesMax = 600_000
const callMsMax = 1000
const retryMs = 50

const Head = z.strictObject({
  /** Of this write; nobody else's. */
  is: z.string(),
  /** So many parts of a batch count, and may not have been spread yet. */
  parts: z.int().min(0),
})
const Part = z.array(z.tuple([z.string(), z.string().nullable()]))
/** Key → value; null: removed. */
type Batch = Map<string, string | null>

/** Everything there is, read after the election. Throws a FaultError when it cannot be read. */
export async function openEtcdStore(ports: EtcdStorePorts): Promise<EtcdStore> {
  const found = await readAll(ports.etcd, ports.prefix, callMsMax)
  return new EtcdStore(ports, found)
}

export class EtcdStore implements ClusterStore {
  readonly people: AccountShelf
  readonly #ports: EtcdStorePorts
  /** As it was found, without the prefix. */
  readonly #found: ReadonlyMap<string, string>
  #headWrittenAt: number
  #writes = 0
  /** What a batch that we found counting, but perhaps not spread, says. */
  #unspread: { readonly batch: Batch; readonly parts: number } | undefined
  #next: { readonly batch: Batch; readonly done: PromiseWithResolvers<void> } | undefined
  #underWay: Promise<void> | undefined
  #failed: FaultError | undefined

  constructor(ports: EtcdStorePorts, found: readonly Found[]) {
    this.#ports = ports
    const values = new Map(found.map(({ key, value }) => [key.slice(ports.prefix.length), value]))
    const head = found.find(({ key }) => key === `${ports.prefix}head`)
    this.#headWrittenAt = head?.writtenAt ?? 0
    this.#unspread = batchIn(values)
    for (const [key, value] of this.#unspread?.batch ?? [])
      if (value === null) values.delete(key)
      else values.set(key, value)
    this.#found = values
    this.people = {
      load: () => entriesIn(values, 'people') as unknown as ShelfEntry[],
      put: ({ kind, id, value }) => void this.#put([[keyOf('people', kind, id), textOf(value)]]),
      remove: (kind, id) => void this.#put([[keyOf('people', kind, id), null]]),
    }
  }

  load(): StoredRecord[] {
    return entriesIn(this.#found, 'records') as StoredRecord[]
  }

  apply(puts: readonly StoredRecord[], deletes: readonly RecordKey[]): Promise<void> {
    return this.#put([
      ...puts.map(({ kind, id, value }) => [keyOf('records', kind, id), textOf(value)] as const),
      ...deletes.map(({ kind, id }) => [keyOf('records', kind, id), null] as const),
    ])
  }

  settled(): Promise<void> | undefined {
    if (this.#failed) return Promise.reject(this.#failed)
    return this.#next?.done.promise ?? this.#underWay
  }

  close(): void {
    this.#fail(new FaultError(fault('not-leader', 'this coordinator has laid down its leadership')))
  }

  #put(changes: readonly (readonly [string, string | null])[]): Promise<void> {
    const next = this.#next ?? { batch: new Map(), done: Promise.withResolvers<void>() }
    // Whoever is told waits for it; nobody else has to.
    next.done.promise.catch(() => undefined)
    if (this.#failed) {
      next.done.reject(this.#failed)
      return next.done.promise
    }
    for (const [key, value] of changes) next.batch.set(key, value)
    this.#next = next
    if (!this.#underWay) void this.#flush()
    return next.done.promise
  }

  async #flush(): Promise<void> {
    for (let now = this.#next; now && !this.#failed; now = this.#next) {
      this.#next = undefined
      this.#underWay = now.done.promise
      try {
        await this.#commit(now.batch)
        now.done.resolve()
      } catch (thrown) {
        this.#fail(thrown instanceof FaultError ? thrown : new FaultError(faultOf(thrown)))
        now.done.reject(this.#failed)
      }
    }
    this.#underWay = undefined
  }

  #fail(why: FaultError): void {
    this.#failed ??= why
    this.#next?.done.reject(this.#failed)
    this.#next = undefined
  }

  async #commit(batch: Batch): Promise<void> {
    if (this.#unspread) await this.#spread(this.#unspread.batch, this.#unspread.parts)
    this.#unspread = undefined
    const parts = partsOf(batch)
    if (parts.length === 1) return this.#write(batch, 0)
    for (const [n, part] of parts.entries()) {
      const isLast = n === parts.length - 1
      const text = JSON.stringify([...part])
      await this.#write(new Map([[`batch/${n}`, text]]), isLast ? parts.length : 0)
    }
    // It counts from here on, whatever becomes of us.
    await this.#spread(batch, parts.length)
  }

  /** @param parts in which it is written down */
  async #spread(batch: Batch, parts: number): Promise<void> {
    const pieces = partsOf(batch)
    for (const [n, piece] of pieces.entries())
      await this.#write(piece, n === pieces.length - 1 ? 0 : parts)
  }

  /** Tries until it is known to be done, or we do not lead any more. */
  async #write(batch: Batch, parts: number): Promise<void> {
    const { etcd, clock, leadership, prefix } = this.#ports
    const { term } = leadership
    const head = JSON.stringify({ is: `${term}/${++this.#writes}`, parts })
    const leaderKey = leaderKeyOf(prefix)
    const headKey = `${prefix}head`
    const guards = [
      { key: leaderKey, createdAt: term },
      { key: headKey, writtenAt: this.#headWrittenAt },
    ]
    const writes = [...writesOf(batch, prefix), { put: headKey, value: head }]
    const txn: Txn = { guards, writes, otherwise: [leaderKey, headKey] }
    let isUnsure = false
    while (leadership.holds && !this.#failed) {
      const answer = await transact(etcd, txn, callMsMax).catch(unlessRefused)
      if (answer?.isDone) return this.#advance(answer.revision)
      if (answer)
        return this.#advance(
          writtenAtOf(answer.found, { leaderKey, headKey, term, head }, isUnsure),
        )
      isUnsure = true
      await sleep(clock, retryMs)
    }
    throw this.#failed ?? new FaultError(isUnsure ? unknownEnd : deposed)
  }

  #advance(writtenAt: number): void {
    this.#headWrittenAt = writtenAt
  }
}

/** A guard did not hold: an earlier try has arrived whose answer was lost, or we lead no more. */
function writtenAtOf(
  found: readonly Found[],
  {
    leaderKey,
    headKey,
    term,
    head,
  }: Record<'leaderKey' | 'headKey' | 'head', string> & {
    readonly term: number
  },
  isUnsure: boolean,
): number {
  const isLeader = found.find(({ key }) => key === leaderKey)?.createdAt === term
  const there = found.find(({ key }) => key === headKey)
  const isThere = there?.value === head
  if (isLeader && isThere) return there.writtenAt
  if (isLeader) throw new FaultError(strangerWrites)
  throw new FaultError(isThere || isUnsure ? unknownEnd : deposed)
}

const keyOf = (shelf: string, kind: string, id: string) => `${shelf}/${kind}/${id}`
const textOf = (value: unknown) => JSON.stringify(value)

function entriesIn(values: ReadonlyMap<string, string>, shelf: string) {
  return [...values].flatMap(([key, text]) => {
    const [, kind, id] = new RegExp(`^${shelf}/([^/]+)/(.*)$`, 's').exec(key) ?? []
    if (kind === undefined || id === undefined) return []
    return { kind: kind as RecordKind, id, value: jsonOf(text) }
  })
}

/** What counts and may not have been spread, from its parts. */
function batchIn(values: ReadonlyMap<string, string>) {
  const text = values.get('head')
  if (text === undefined) return undefined
  const head = Head.safeParse(jsonOf(text))
  if (!head.success) throw new FaultError(unreadable('head'))
  if (head.data.parts === 0) return undefined
  const batch: Batch = new Map()
  for (let n = 0; n < head.data.parts; n++) {
    const part = Part.safeParse(jsonOf(values.get(`batch/${n}`) ?? ''))
    if (!part.success) throw new FaultError(unreadable(`batch/${n}`))
    for (const [key, value] of part.data) batch.set(key, value)
  }
  return { batch, parts: head.data.parts }
}

/** Into pieces that each go into one transaction; an empty batch is one piece. */
function partsOf(batch: Batch): Batch[] {
  let part: Batch = new Map()
  let bytes = 0
  const parts = [part]
  for (const [key, value] of batch) {
    const more = Buffer.byteLength(key) + Buffer.byteLength(value ?? '')
    if (part.size >= writesMax || (part.size > 0 && bytes + more > bytesMax)) {
      part = new Map()
      bytes = 0
      parts.push(part)
    }
    part.set(key, value)
    bytes += more
  }
  return parts
}

const writesOf = (batch: Batch, prefix: string): Write[] =>
  [...batch].map(([key, value]) =>
    value === null ? { remove: prefix + key } : { put: prefix + key, value },
  )

/** Only what etcd will surely not do is given up: all else is asked again. */
function unlessRefused(thrown: unknown): undefined {
  if (faultOf(thrown).code !== 'link-lost') throw thrown
}

const deposed = fault('not-leader', 'another coordinator has been elected: this write was refused')
const strangerWrites = fault(
  'not-leader',
  'somebody else writes where this cluster keeps its state: give each --etcd-prefix to one cluster',
)
const unknownEnd = fault(
  'link-lost',
  'this coordinator leads no more, and whether it was done is not known: look before you ask again',
)
const unreadable = (key: string) =>
  fault('incompatible', `the store's ${key} cannot be read: was it written by another version?`)
