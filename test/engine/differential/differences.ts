// Where QEMU 7.2 and our hart may differ, because the specification leaves it open or QEMU has it
// wrong: one table, each with its reason. What is not here must be equal.

export interface Difference {
  /** A place in a result's slot: x5, f2, mstatus, trap0.value, window+1016. */
  readonly what: string
  readonly ours: bigint
  readonly theirs: bigint
}
/** Another word of our own result. */
export type Ours = (name: string) => bigint

interface Permitted {
  readonly reason: string
  matches(difference: Difference, ours: Ours): boolean
}

const breakpoint = 3n
const accessed = 64n
/** mstatus.FS and the SD that follows from it. */
const floatState = (1n << 63n) | (3n << 13n)
const isOn = (status: bigint) => (status & (3n << 13n)) !== 0n

/** [ours, QEMU's]: load for store, where only an AMO can be what was tried. */
const amoCauses: readonly (readonly [bigint, bigint])[] = [
  [15n, 13n],
  [7n, 5n],
  [6n, 4n],
]
const accessCauses: readonly bigint[] = [5n, 7n]

const table: readonly Permitted[] = [
  {
    reason: 'what an AMO may not do is a store’s fault; QEMU says a load’s, a bug mended later',
    matches: ({ what, ours, theirs }) =>
      what.endsWith('.cause') && amoCauses.some(([a, b]) => a === ours && b === theirs),
  },
  {
    reason: 'the address of a misaligned access where nothing is: QEMU tells an aligned part’s',
    matches: ({ what, ours, theirs }, own) =>
      isValue(what) && accessCauses.includes(own(causeOf(what))) && (ours ^ theirs) < 16n,
  },
  {
    reason: 'mtval of ebreak is the pc or zero, as one likes; QEMU has zero',
    matches: ({ what, theirs }, own) =>
      isValue(what) && theirs === 0n && own(causeOf(what)) === breakpoint,
  },
  {
    reason: 'A may be set without need; QEMU tries an AMO’s load first, and its store then fails',
    matches: ({ what, ours, theirs }) => what.endsWith('Page') && theirs === (ours | accessed),
  },
  {
    reason: 'FS may become dirty without need; QEMU does not set it for a comparison’s flags',
    matches: ({ what, ours, theirs }) =>
      what === 'mstatus' && ((ours ^ theirs) & ~floatState) === 0n && isOn(ours) && isOn(theirs),
  },
]

/** Instructions that QEMU computes wrongly: no stream has them, their own spec tests do. */
export const leftOut: ReadonlySet<string> = new Set(['ctzw'])

const isValue = (what: string) => what.endsWith('.value')
const causeOf = (what: string) => what.replace('value', 'cause')

export function permitted(difference: Difference, ours: Ours): boolean {
  return table.some((entry) => entry.matches(difference, ours))
}
