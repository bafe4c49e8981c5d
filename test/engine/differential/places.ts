// Where the parts of a run lie in RAM, and the layout of a stream's and a result's slot: what the
// harness (harness.ts), which is guest code, and its callers agree on. Addresses and sizes are in
// bytes.

export const ramBytes = 32 << 20
export const origin = 0x8000_0000n
/** Page tables: a root, and the levels below it for the page pair that streams use. */
export const rootAt = origin + 0x1_0000n
export const middleTableAt = origin + 0x1_1000n
export const leafTableAt = origin + 0x1_2000n
/** Two pages; accesses happen in a window around where they meet. */
export const scratchAt = origin + 0x2_0000n
export const scratchMiddle = scratchAt + 4096n
export const windowBytes = 2048
/** Where S- and U-mode find the two pages. */
export const dataVa = 0x4000_0000n
export const streamsAt = origin + 0x10_0000n
export const resultsAt = origin + 0xa0_0000n

/** A stream's slot: x, f, these words, and from `code` on its instructions. */
// tidy: data table
export const streamSlot = {
  x: 0,
  f: 256,
  fcsr: 512,
  mstatus: 520,
  firstPage: 528,
  secondPage: 536,
  codePage: 544,
  fill: 552,
  satp: 560,
  end: 568,
  code: 640,
  bytes: 1280,
} as const

/** A result's slot: x, f, CSRs, the traps, the page entries, the window. */
// tidy: data table
export const resultSlot = {
  x: 0,
  f: 256,
  fcsr: 512,
  mstatus: 520,
  sepc: 528,
  scause: 536,
  stval: 544,
  sscratch: 552,
  trapCount: 576,
  traps: 640,
  firstPage: 856,
  secondPage: 864,
  window: 1024,
  bytes: 3072,
} as const
export const trapBytes = 24
export const trapsMax = 8
/** How often an image may have its streams run, for engines that do better the second time. */
export const roundsMax = 4

/** At the end of RAM QEMU lays its device tree, at a multiple of 2 MiB. */
const treeBytes = 2 << 20
const resultBytes = ramBytes - treeBytes - Number(resultsAt - origin)

export const streamsMax = Math.floor(
  Math.min(Number(resultsAt - streamsAt) / streamSlot.bytes, resultBytes / resultSlot.bytes),
)
