// A stream of random bytes from a seed: ChaCha20 with fast key erasure. The first 32 bytes of each
// draw become the next key, so that what was drawn cannot be computed from what is left.
// Source: RFC 8439, section 2.3 (the ChaCha20 block function). D. J. Bernstein, "Fast-key-erasure
// random-number generators", 2017.
//
// The same seed gives the same bytes: a VM's run can be repeated, and goes on elsewhere. It keeps
// guests from foreseeing each other's numbers; it is no boundary against the node, which has the
// seed.

import { invariant } from '#proto/invariant.ts'

/** Bytes of a key: all the state there is. */
export const randomKeyBytes = 32
const blockBytes = 64
const doubleRounds = 10
const counterWord = 12
/** "expand 32-byte k", the constants of the RFC. */
const constants = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const
/** The words of each quarter round: columns, then diagonals. */
const quarters = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const

export class RandomStream {
  readonly #key = new Uint8Array(randomKeyBytes)
  readonly #block = new Uint8Array(blockBytes)

  constructor(seed: Uint8Array) {
    this.key = seed
  }

  /** The state; what is drawn next depends on it alone. A copy. */
  get key(): Uint8Array {
    return this.#key.slice()
  }

  set key(key: Uint8Array) {
    invariant(key.length === randomKeyBytes, `A key of ${key.length} bytes`)
    this.#key.set(key)
  }

  /** Goes on in a way that both the present state and the seed decide. */
  reseed(seed: Uint8Array): void {
    invariant(seed.length === randomKeyBytes, `A seed of ${seed.length} bytes`)
    for (let at = 0; at < randomKeyBytes; at++)
      this.#key[at] = (this.#key[at] ?? 0) ^ (seed[at] ?? 0)
    this.fill(new Uint8Array(0))
  }

  fill(bytes: Uint8Array): void {
    const next = new Uint8Array(randomKeyBytes)
    let skip = randomKeyBytes
    for (let done = 0, counter = 0; counter === 0 || done < bytes.length; counter++) {
      chachaBlock(this.#key, counter, zeroNonce, this.#block)
      if (counter === 0) next.set(this.#block.subarray(0, randomKeyBytes))
      const length = Math.min(blockBytes - skip, bytes.length - done)
      bytes.set(this.#block.subarray(skip, skip + length), done)
      done += length
      skip = 0
    }
    this.#key.set(next)
  }
}

const zeroNonce = new Uint8Array(12)
const state = new Uint32Array(16)
const working = new Uint32Array(16)

/** One block of 64 bytes of key stream (2.3). */
export function chachaBlock(
  key: Uint8Array,
  counter: number,
  nonce: Uint8Array,
  block: Uint8Array,
): void {
  state.set(constants)
  const keyWords = new DataView(key.buffer, key.byteOffset, key.length)
  for (let word = 0; word < 8; word++) state[4 + word] = keyWords.getUint32(4 * word, true)
  state[counterWord] = counter
  const nonceWords = new DataView(nonce.buffer, nonce.byteOffset, nonce.length)
  for (let word = 0; word < 3; word++) state[13 + word] = nonceWords.getUint32(4 * word, true)
  working.set(state)
  for (let round = 0; round < doubleRounds; round++) {
    for (const [a, b, c, d] of quarters) quarterRound(working, a, b, c, d)
  }
  const out = new DataView(block.buffer, block.byteOffset, block.length)
  for (let word = 0; word < 16; word++)
    out.setUint32(4 * word, ((working[word] ?? 0) + (state[word] ?? 0)) >>> 0, true)
}

function quarterRound(words: Uint32Array, a: number, b: number, c: number, d: number): void {
  addAndTurn(words, a, b, d, 16)
  addAndTurn(words, c, d, b, 12)
  addAndTurn(words, a, b, d, 8)
  addAndTurn(words, c, d, b, 7)
}

/** `to` grows by `by`; `turned` is mixed with it and rotated left. */
function addAndTurn(
  words: Uint32Array,
  to: number,
  by: number,
  turned: number,
  bits: number,
): void {
  words[to] = (words[to] ?? 0) + (words[by] ?? 0)
  const mixed = (words[turned] ?? 0) ^ (words[to] ?? 0)
  words[turned] = (mixed << bits) | (mixed >>> (32 - bits))
}
