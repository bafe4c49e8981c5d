// Claims of moving and copying that need no peer, or a physical limit: the stream has 0.8 of a
// plain socket's speed, and four streams carry what one cannot where connections are limited; a
// guest that rewrites 32 of its 128 MiB flat out costs at most twice its memory, by throttle and by
// post-copy; a page that is waited for comes within 0.5 ms (median) and 3 ms (one in a hundred); a
// sibling clone costs 5 % of the bytes of a first one; a guest has 85 % of its speed while its
// pages are copied; hashing adds 1 ms to the downtime; a snapshot stops its guest for 5 ms. Two
// agent processes on this machine, medians of several runs. Times in ms.
// Run: node bench/moving.ts [--runs N]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MigrationRecord } from '#proto/messages.ts'
import { mebibyte } from '#proto/units.ts'
import { SlowRoad } from '../test/node-agent/slow-road.ts'
import { AgentPair } from './rig/agent-migration.ts'
import { count, readCommandLine } from './rig/command-line.ts'
import { GuestToMove } from './rig/moved.ts'
import { socketBytesPerMs } from './rig/plain-socket.ts'
import { median } from './rig/sample.ts'
import { Table } from './rig/table.ts'

const columns = [
  ['what', 44],
  ['measured', 10],
  ['required', 10],
  ['verdict', 8],
] as const

const still = new GuestToMove(1024, 1, 1)
const busy = new GuestToMove(256, 16, 20_000)
const calm = new GuestToMove(256, 16, 2000)
const small = new GuestToMove(96, 2, 100)
const flatOut = new GuestToMove(128, 32, 0)

class Rows {
  readonly #table = new Table(columns)

  /** `isMost`: no more than the required. */
  row(what: string, measured: number, required: number, isMost: boolean, digits = 2): void {
    const isReached = isMost ? measured <= required : measured >= required
    const sign = isMost ? '≤' : '≥'
    const verdict = isReached ? 'reached' : 'MISSED'
    this.#table.row([what, measured.toFixed(digits), `${sign} ${required}`, verdict])
    if (!isReached) process.exitCode = 1
  }
}

async function several<T>(runs: number, measure: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  for (let run = 0; run < runs; run++) all.push(await measure())
  return all
}

const of = <T>(all: readonly T[], figure: (one: T) => number): number => median(all.map(figure))

/** Bytes per ms of the first round, which is nearly all of it. */
const streamRate = ({ rounds }: MigrationRecord): number => {
  const [first] = rounds
  return first ? first.bytes / first.ms : 0
}

async function tellStream(pair: AgentPair, rows: Rows, runs: number): Promise<void> {
  const socket = Math.max(await socketBytesPerMs(), await socketBytesPerMs())
  const moved = await several(runs, () => pair.record(still, {}))
  rows.row('stream, of a plain socket', of(moved, streamRate) / socket, 0.8, false)
}

/** Where each connection is limited, as long or lossy roads and some networks do. */
async function tellStreams(pair: AgentPair, rows: Rows, runs: number): Promise<void> {
  const road = await SlowRoad.to(pair.address, 10_000_000)
  const took = async (streams: number) => {
    const how = { encoding: 'raw', streams } as const
    const moved = await several(runs, () => pair.record(small, how, road.address))
    return of(moved, ({ totalMs }) => totalMs)
  }
  const [one, four] = [await took(1), await took(4)]
  await road.close()
  rows.row('four streams at 10 MB/s each, of the time of one', four / one, 0.5, true)
}

async function tellFlatOut(pair: AgentPair, rows: Rows, runs: number): Promise<void> {
  for (const whenStuck of ['throttle', 'post-copy'] as const) {
    const limits = { downtimeMsMax: 10, whenStuck }
    const moved = await several(runs, () => pair.record(flatOut, limits))
    const bytes = of(moved, (one) => one.bytes + (one.postCopy?.bytes ?? 0))
    rows.row(`32 of 128 MiB flat out, ${whenStuck}: memories`, bytes / (128 * mebibyte), 2, true)
  }
}

async function tellFetches(pair: AgentPair, rows: Rows, runs: number): Promise<void> {
  const limits = { mode: 'post-copy', downtimeMsMax: 1 } as const
  const moved = await several(runs, () => pair.record(flatOut, limits))
  const waits = moved.flatMap(({ postCopy }) => postCopy ?? [])
  rows.row(
    'post-copy, a page waited for: p50 ms',
    of(waits, (one) => one.waitMsMedian),
    0.5,
    true,
  )
  rows.row(
    'post-copy, a page waited for: p99 ms',
    of(waits, (one) => one.waitMsP99),
    3,
    true,
  )
}

async function tellOthers(pair: AgentPair, rows: Rows, runs: number): Promise<void> {
  const siblings = await several(runs, () => pair.siblings(calm))
  const share = of(siblings, ([first, second]) => (100 * second.bytes) / first.bytes)
  rows.row('sibling clone: % of the bytes of a first one', share, 5, true)
  const moved = await several(runs, () => pair.record(busy, {}))
  const speeds = moved.flatMap(({ guestMips }) => guestMips ?? [])
  const speed = of(speeds, ({ before, during }) => (100 * during) / before)
  rows.row('guest speed while its pages are copied, %', speed, 85, false, 0)
  const hashed = of(moved, ({ downtime }) => downtime?.verificationMs ?? 0)
  rows.row('hash of RAM, CPU and devices: ms of downtime', hashed, 1, true)
  const taken = await several(runs, () => pair.snapshot(busy))
  rows.row(
    'snapshot of a running guest: pause ms',
    of(taken, (one) => one.downtimeMs),
    5,
    true,
  )
}

async function main(): Promise<void> {
  const { runs } = readCommandLine({ runs: count(3) })
  const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-'))
  const pair = await AgentPair.start(folder)
  try {
    const rows = new Rows()
    await tellStream(pair, rows, runs)
    await tellStreams(pair, rows, runs)
    await tellFlatOut(pair, rows, runs)
    await tellFetches(pair, rows, runs)
    await tellOthers(pair, rows, runs)
  } finally {
    await pair.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
