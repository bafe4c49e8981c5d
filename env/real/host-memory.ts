// How this process has its memory from Linux: page by page, as each is first touched, which may
// cost more than writing the page; and given back as soon as it is free, to be had anew. Here it is
// asked for in large pages where a VM fills much at once, and what is freed is kept for the next
// messages; but the RAM of a VM that is gone is given back at once: V8 would keep it until each
// thread that had the VM collects its garbage, and nothing makes it hurry, since shared memory
// counts for no thread. Neither Node nor V8 asks, so the C library is called for it, by a package
// that is optional: without it, and on other systems, all is as ever. Bytes.
// Not here: which memory (engine/memory/large-blocks.ts), RAM of VMs that are gone
// (node-agent/ram-pool.ts).
// Sources: mallopt(3); madvise(2), MADV_HUGEPAGE and MADV_DONTNEED; Linux,
// Documentation/admin-guide/mm/transhuge.rst.

import { readFileSync } from 'node:fs'
import { type Ahead, AheadThread, largeBytes } from './ahead.ts'

const setting = '/sys/kernel/mm/transparent_hugepage/enabled'
const [adviseNotNeeded, adviseLarge] = [4, 14]

const [mmapThreshold, trimThreshold, topPad] = [-3, -1, -2]
/** By mallopt's parameters. Messages and what V8 compiles come in pieces of up to some MiB. */
const kept = [
  [mmapThreshold, 32 << 20],
  [trimThreshold, 64 << 20],
  [topPad, 4 << 20],
] as const

interface CLibrary {
  madvise(bytes: Uint8Array, length: number, advice: number): number
  mallopt(parameter: number, value: number): number
  addressOf(bytes: Uint8Array): bigint
}

/** Bytes of a memory, as whoever has it counts them. */
type Part = readonly [memory: { readonly buffer: ArrayBufferLike }, address: number, bytes: number]

/** What is asked for is a wish. */
export interface LargePages {
  wish(...part: Part): void
  /** And it is had at once, by another thread. */
  have(...part: Part): void
}

export interface HostMemory {
  /** Undefined: there are none to be had. */
  readonly large: LargePages | undefined
  /** Whole pages of a memory that nobody uses: the host has them back, and they read as zero. */
  giveBack(memory: WebAssembly.Memory, address: number, bytes: number): void
}

/** Of freed memory up to 64 MiB stay with this process. To be called once. */
export async function hostMemory(): Promise<HostMemory | undefined> {
  const library = await cLibrary().catch(() => undefined)
  for (const [parameter, bytes] of kept) library?.mallopt(parameter, bytes)
  if (!library) return undefined
  return {
    large: areLargeGiven() ? largeFrom(library) : undefined,
    giveBack: ({ buffer }, address, bytes) => {
      library.madvise(new Uint8Array(buffer, address, bytes), bytes, adviseNotNeeded)
    },
  }
}

function largeFrom(library: CLibrary): LargePages {
  const ahead = new AheadThread()
  const wish = (...part: Part): Ahead | undefined => {
    const whole = wholePages(library, part)
    // What it answers does not matter: refused, it stays as it was.
    if (whole) library.madvise(new Uint8Array(part[0].buffer, ...whole), whole[1], adviseLarge)
    return whole && { buffer: part[0].buffer, from: whole[0], length: whole[1] }
  }
  return {
    wish,
    have: (...part) => {
      const wished = wish(...part)
      if (wished) ahead.have(wished)
    },
  }
}

/** Outwards to where large pages begin and end, as far as the memory goes: offset and length. */
function wholePages(library: CLibrary, part: Part): readonly [number, number] | undefined {
  const [{ buffer }, address, bytes] = part
  const before = Number(library.addressOf(new Uint8Array(buffer)) % BigInt(largeBytes))
  const begins = address - ((address + before) % largeBytes)
  const from = begins < 0 ? begins + largeBytes : begins
  const end = Math.min(buffer.byteLength, address + bytes + largeBytes - 1)
  const length = end - from - ((end + before) % largeBytes)
  return length > 0 ? [from, length] : undefined
}

/** `always` needs no wish, `never` hears none. */
function areLargeGiven(): boolean {
  try {
    return readFileSync(setting, 'utf8').includes('[madvise]')
  } catch {
    return false
  }
}

async function cLibrary(): Promise<CLibrary> {
  const { default: koffi } = await import('koffi')
  const library = koffi.load('libc.so.6')
  return {
    madvise: library.func('int madvise(void *address, size_t length, int advice)'),
    mallopt: library.func('int mallopt(int parameter, int value)'),
    addressOf: (bytes) => koffi.address(bytes),
  }
}
