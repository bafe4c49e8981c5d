// Two machines' results of the same streams, compared word for word, and what a person needs to go
// after a difference: the seed, what differs, and the shortest stream that still differs.

import { type Difference, permitted } from './differences.ts'
import { layOut } from './harness.ts'
import { tell } from './instruction-set.ts'
import { resultSlot, trapBytes, trapsMax } from './places.ts'
import type { Stream } from './stream.ts'

/** Gives the results of streams, slot behind slot. */
export type RunStreams = (streams: readonly Stream[]) => Uint8Array | Promise<Uint8Array>

/** What differs in the n-th result; none is the empty list. */
export function differences(ours: Uint8Array, theirs: Uint8Array, n: number): Difference[] {
  const words = (bytes: Uint8Array) =>
    new BigUint64Array(bytes.buffer, bytes.byteOffset + n * resultSlot.bytes, resultSlot.bytes / 8)
  const [left, right] = [words(ours), words(theirs)]
  const found: Difference[] = []
  for (let at = 0; at < left.length; at++) {
    const [here, there] = [left[at] ?? 0n, right[at] ?? 0n]
    if (here !== there) found.push({ what: nameOf(at * 8), ours: here, theirs: there })
  }
  return found.filter((difference) => !permitted(difference, (name) => wordNamed(left, name)))
}

const wordNamed = (words: BigUint64Array, name: string) =>
  words[(wordNames.find(([known]) => known === name)?.[1] ?? 0) / 8] ?? 0n

/** Places in a result's slot by name. */
const wordNames: readonly (readonly [string, number])[] = [
  ...Object.entries(resultSlot).filter(([name]) => !['x', 'f', 'window', 'bytes'].includes(name)),
  ...Array.from({ length: 32 }, (_, n) => [`x${n}`, resultSlot.x + 8 * n] as const),
  ...Array.from({ length: 32 }, (_, n) => [`f${n}`, resultSlot.f + 8 * n] as const),
  ...Array.from({ length: trapsMax }, (_, n) => n).flatMap((n) =>
    ['cause', 'value', 'epc'].map(
      (part, at) => [`trap${n}.${part}`, resultSlot.traps + n * trapBytes + 8 * at] as const,
    ),
  ),
]

function nameOf(at: number): string {
  if (at >= resultSlot.window) return `window+${at - resultSlot.window}`
  return wordNames.filter(([, place]) => place === at).at(-1)?.[0] ?? `+${at}`
}

/** The first stream of which the two machines differ, cut down as far as it goes; or undefined. */
export async function firstDifference(
  streams: readonly Stream[],
  ours: RunStreams,
  theirs: RunStreams,
): Promise<string | undefined> {
  const [left, right] = [await ours(streams), await theirs(streams)]
  const n = streams.findIndex((_, at) => differences(left, right, at).length > 0)
  const stream = streams[n]
  if (stream === undefined) return undefined
  const differsAlone = async (candidates: readonly Stream[]) => {
    const [a, b] = [await ours(candidates), await theirs(candidates)]
    return candidates.findIndex((_, at) => differences(a, b, at).length > 0)
  }
  const least = await shrink(stream, differsAlone)
  return describe(stream.seed, least, differences(await ours([least]), await theirs([least]), 0))
}

type FindDiffering = (candidates: readonly Stream[]) => Promise<number>

/** Leaves a chunk out, one after the other, as long as the stream still differs. */
async function shrink(stream: Stream, find: FindDiffering): Promise<Stream> {
  const candidates = stream.chunks.slice(0, -1).map((_, n) => without(stream, n))
  const n = candidates.length === 0 ? -1 : await find(candidates)
  const smaller = candidates[n]
  return smaller === undefined ? stream : shrink(smaller, find)
}

/** Jumps over what was left out go to what came behind it. */
function without(stream: Stream, left: number): Stream {
  const chunks = stream.chunks
    .filter((_, n) => n !== left)
    .map((chunk) => {
      if (chunk.jump === undefined || chunk.jump.to <= left) return chunk
      return { ...chunk, jump: { ...chunk.jump, to: chunk.jump.to - 1 } }
    })
  return { ...stream, chunks }
}

function describe(seed: number, stream: Stream, found: readonly Difference[]): string {
  const hex = (value: bigint) => value.toString(16)
  const listed = found.slice(0, 12).map((d) => `${d.what}: ${hex(d.ours)}, not ${hex(d.theirs)}`)
  return [
    `replay: STREAM_SEED=${seed} npx vitest run test/engine/differential`,
    `mode ${stream.mode}, mstatus ${hex(stream.mstatus)}, fcsr ${hex(stream.fcsr)}, ` +
      `pages ${stream.pages.map(hex)}`,
    ...instructionsOf(stream).map(tell),
    ...listed,
  ].join('\n')
}

function instructionsOf(stream: Stream): number[] {
  const { bytes } = layOut(stream)
  const words: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = ((bytes[at] ?? 0) & 3) === 3 ? 4 : 2
    const word = bytes.slice(at, at + length).reduce((sum, byte, n) => sum + byte * 2 ** (8 * n), 0)
    words.push(word)
    at += length
  }
  return words
}
