// Two harts on the same program, one interpreted and one translated, driven alike: runs of any
// lengths, dirty logs taken, pages that go away and come back, interrupts, snapshots. At each stop
// all that the guest could ever see is equal, and what the logs hold. The schedule has a seed, too.

import { Exit } from '#engine/cpu/core-port.ts'
import { ramStart, type TestHart } from '../cpu/test-hart.ts'
import { Draw } from '../differential/draw.ts'
import { hotHart } from './hot-program.ts'

const stepsMax = 1000
export const thresholds = [1, 2, 7, 7, 60, 1000] as const

export interface Played {
  /** What differs, and how to see it again; undefined when nothing does. */
  readonly difference: string | undefined
  readonly retired: number
  readonly regions: number
  readonly translatedInstructions: number
}

interface Pair {
  readonly interpreted: TestHart
  readonly translated: TestHart
  readonly both: readonly TestHart[]
  readonly draw: Draw
}

/** A program and its hart: the same seed, the same program. */
export type MakeHart = (seed: number, threshold: number) => TestHart

/** Both run `instructions` at least, or until they differ. */
export function play(seed: number, instructions: number, makeHart: MakeHart = hotHart): Played {
  const draw = new Draw(~seed)
  const interpreted = makeHart(seed, 0)
  const translated = makeHart(seed, draw.from(thresholds))
  const pair = { interpreted, translated, both: [interpreted, translated], draw }
  for (const { core } of pair.both) core.openLog()
  let difference: string | undefined
  // A program that only traps retires nothing.
  for (let steps = 0; difference === undefined && steps < stepsMax; steps++) {
    if (interpreted.core.retired >= instructions) break
    difference = step(pair)
  }
  const { regions, instructions: translatedInstructions } = translated.core.translator.stats
  const file = makeHart === hotHart ? 'same-transcript' : 'privileged-transcript'
  const replay = `HOT_SEED=${seed} npx vitest run test/engine/translator/${file}.test.ts`
  return {
    difference: difference && `${replay}\n${difference}`,
    retired: interpreted.core.retired,
    regions,
    translatedInstructions,
  }
}

/** One run of both, and often something that is done to both before. */
function step(pair: Pair): string | undefined {
  const { both, draw } = pair
  const disturb = draw.from(disturbances)
  const done = disturb(pair)
  const budget = draw.from([1, 10, 200, 3000, 30_000]) + draw.below(100)
  const [exit, other] = both.map(({ core }) => core.run(budget))
  for (const { core } of both) settle(core, exit)
  const where = () => `after ${pair.interpreted.core.retired}, ran ${budget}, ${disturb.name}`
  if (exit !== other) return `${where()}: exit ${exit}, not ${other}`
  const different = done ?? compare(pair)
  return different && `${where()}: ${different}`
}

/** What a machine around the hart does about an exit. */
function settle(core: TestHart['core'], exit: Exit | undefined): void {
  if (exit === Exit.absent) core.setPresent((core.absentPage() - ramStart) / 4096, true)
  if (exit === Exit.wfi) core.skipTo(Math.min(core.timerTicks, core.ticks + 1000))
}

/** Returns what differs already. */
type Disturbance = (pair: Pair) => string | undefined

const disturbances: readonly Disturbance[] = [
  function nothing() {
    return undefined
  },
  function nothingEither() {
    return undefined
  },
  function takeLog({ interpreted, translated }) {
    const [a, b] = [interpreted.core.takeLog(0), translated.core.takeLog(0)]
    const at = a.findIndex((byte, n) => byte !== b[n])
    return at < 0 ? undefined : `dirty log at ${at}: ${a[at]}, not ${b[at]}`
  },
  function loseAPage({ both, draw }) {
    const page = draw.below(both[0]?.memory.pageCount ?? 1)
    for (const { core } of both) core.setPresent(page, false)
    return undefined
  },
  function interrupt({ both, draw }) {
    const level = draw.once(2)
    for (const { core } of both) {
      core.setExternalInterrupt(level)
      core.run(40)
      core.setExternalInterrupt(false)
      core.setSoftwareInterrupt(level)
    }
    return undefined
  },
  function restore({ both, draw }) {
    if (!draw.once(3)) return undefined
    for (const { core } of both) core.restore(core.capture())
    return undefined
  },
]

function compare({ interpreted, translated }: Pair): string | undefined {
  const [a, b] = [interpreted.core.capture(), translated.core.capture()]
  if (Buffer.compare(a, b) !== 0) return `hart: ${differingWords(a, b).join(', ')}`
  const [ram, other] = [interpreted.memory.fullHash(), translated.memory.fullHash()]
  return ram === other ? undefined : 'RAM differs'
}

/** By the offset of core/layout.ts's Hart; x registers by number. */
function differingWords(a: Uint8Array, b: Uint8Array): string[] {
  const [left, right] = [new DataView(a.buffer), new DataView(b.buffer)]
  const words: string[] = []
  for (let at = 0; at + 16 <= a.length; at += 8) {
    const [one, other] = [left.getBigUint64(at + 8, true), right.getBigUint64(at + 8, true)]
    const name = at < 256 ? `x${at / 8}` : `0x${at.toString(16)}`
    if (one !== other) words.push(`${name} ${one.toString(16)}, not ${other.toString(16)}`)
  }
  return words
}
