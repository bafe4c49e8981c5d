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
import type { LargePages } from './shared-file.ts'

const setting = '/sys/kernel/mm/transparent_hugepage/enabled'
const [adviseNotNeeded, adviseLarge] = [4, 14]
/** What the processor calls large, where a page of 4 KiB is small. */
const largeBytes = 2 << 20

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
    large: areLargeGiven() ? { wish: wishFor(library) } : undefined,
    giveBack: ({ buffer }, address, bytes) => {
      library.madvise(new Uint8Array(buffer, address, bytes), bytes, adviseNotNeeded)
    },
  }
}

const wishFor =
  (library: CLibrary): LargePages['wish'] =>
  ({ buffer }, address, bytes) => {
    // Outwards to where large pages begin and end: a wish for less than one is none.
    const ahead = Number(library.addressOf(new Uint8Array(buffer)) % BigInt(largeBytes))
    const begins = address - ((address + ahead) % largeBytes)
    const from = begins < 0 ? begins + largeBytes : begins
    const end = Math.min(buffer.byteLength, address + bytes + largeBytes - 1)
    const length = end - from - ((end + ahead) % largeBytes)
    // What it answers does not matter: refused, it stays as it was.
    if (length > 0) library.madvise(new Uint8Array(buffer, from, length), length, adviseLarge)
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
