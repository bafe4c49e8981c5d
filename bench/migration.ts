// Claim: our pre-copy takes no longer than QEMU's, and stops the guest for at most half as long;
// an idle guest for at most 5 ms. The same guest image, the same limits, both over loopback
// without a limit of bandwidth, in turns, in the same run; medians count. The guest checks its
// memory all the time, and tells the longest gap it saw in its own clock. As a physical limit: a
// plain socket between two processes. Times in ms, MB are 10^6 bytes.
// Run: node bench/migration.ts [--only NAME,..] [--runs N]

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AgentPair } from './rig/agent-migration.ts'
import { count, readCommandLine, someOf } from './rig/command-line.ts'
import { GuestToMove, type Moved, type MoveLimits } from './rig/moved.ts'
import { socketBytesPerMs } from './rig/plain-socket.ts'
import { missingQemu, qemuVersion } from './rig/qemu.ts'
import { moveOnQemu } from './rig/qemu-migration.ts'
import { median } from './rig/sample.ts'
import { Table } from './rig/table.ts'

interface Work {
  readonly name: string
  readonly guest: GuestToMove
  /** Ours at most, whatever QEMU's is. */
  readonly downtimeMsRequired?: number
}
/** It writes as fast as it can. */
const unlimited = 0
const works: readonly Work[] = [
  { name: 'idle', guest: new GuestToMove(256, 1, 1), downtimeMsRequired: 5 },
  ...[16, 240].flatMap((set) =>
    [2, 20, 100].map((rate) => ({
      name: `w${set}-r${rate}k`,
      guest: new GuestToMove(256, set, rate * 1000),
    })),
  ),
  ...[64, 256].flatMap((set) => [
    { name: `1g-w${set}-r20k`, guest: new GuestToMove(1024, set, 20_000) },
    { name: `1g-w${set}-max`, guest: new GuestToMove(1024, set, unlimited) },
  ]),
]
const limits: MoveLimits = { downtimeMsMax: 300, bandwidthBytesPerSecMax: 0 }

const columns = [
  ['work', 12],
  ['total ms', 9],
  ['QEMU', 6],
  ['ratio', 6],
  ['down ms', 8],
  ['QEMU', 6],
  ['ratio', 6],
  ['gap ms', 7],
  ['QEMU', 6],
  ['MB', 6],
  ['QEMU', 6],
  ['rounds', 6],
  ['verdict', 8],
] as const

const of = (runs: readonly Moved[], key: keyof Moved): number =>
  median(runs.map((moved) => moved[key]))

function tell(table: Table, work: Work, ours: readonly Moved[], qemu: readonly Moved[]): void {
  const pair = (key: keyof Moved, digits: number) => {
    const [own, peer] = [of(ours, key), of(qemu, key)]
    return [own.toFixed(digits), peer.toFixed(digits), (own / peer).toFixed(2)]
  }
  const mb = (runs: readonly Moved[]) => (of(runs, 'bytes') / 1e6).toFixed(0)
  const [total, down] = [pair('totalMs', 0), pair('downtimeMs', 1)]
  const said = isReached(work, ours, qemu) ? 'reached' : 'MISSED'
  const gaps = pair('gapMs', 1).slice(0, 2)
  const rounds = of(ours, 'rounds').toFixed(0)
  table.row([work.name, ...total, ...down, ...gaps, mb(ours), mb(qemu), rounds, said])
  if (said === 'MISSED') process.exitCode = 1
  tellDamage(work, 'ours', ours)
  tellDamage(work, 'QEMU', qemu)
}

/** The guest's own word. QEMU's is a known race: under TCG it may miss that a page was written. */
function tellDamage({ name }: Work, whose: string, runs: readonly Moved[]): void {
  const bad = runs.filter((moved) => moved.bad > 0).length
  if (bad === 0) return
  console.log(`${name}: ${whose} lost writes of its guest in ${bad} of ${runs.length} runs`)
  if (whose === 'ours') process.exitCode = 1
}

function isReached(work: Work, ours: readonly Moved[], qemu: readonly Moved[]): boolean {
  const downtimeMsMax = work.downtimeMsRequired ?? of(qemu, 'downtimeMs') / 2
  const isShort = of(ours, 'totalMs') <= of(qemu, 'totalMs')
  return isShort && of(ours, 'downtimeMs') <= downtimeMsMax
}

async function main(): Promise<void> {
  const { only, runs } = readCommandLine({
    only: someOf(works.map(({ name }) => name)),
    runs: count(3),
  })
  const missing = missingQemu()
  if (missing !== undefined) return console.log(`SKIPPED: ${missing}`)
  const chosen = works.filter(({ name }) => only?.includes(name) ?? true)
  const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-'))
  console.log(`${qemuVersion()}; Node ${process.version}; median of ${runs}`)
  const socket = Math.max(await socketBytesPerMs(), await socketBytesPerMs())
  console.log(`A plain socket: ${(socket / 1000).toFixed(0)} MB/s`)
  const pair = await AgentPair.start(folder)
  try {
    const table = new Table(columns)
    for (const work of chosen) {
      const [ours, qemu]: [Moved[], Moved[]] = [[], []]
      for (let run = 0; run < runs; run++) {
        ours.push(await pair.move(work.guest, limits))
        qemu.push(await moveOnQemu(work.guest, limits, folder))
      }
      tell(table, work, ours, qemu)
    }
  } finally {
    await pair.end()
    rmSync(folder, { recursive: true, force: true })
  }
}

await main()
