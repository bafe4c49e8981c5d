// What a client of a key-value store knows: which write of each key it asked for last, and which
// was acknowledged. Pure. A write is the next version of its key, counted from 1; the store holds
// versions and nothing else. The promise under test: an acknowledged write is there for ever. A
// store may keep a write that was never acknowledged (the answer was lost, not the write), so a
// newer version than the acknowledged one is no loss.

import { invariant } from '#proto/invariant.ts'

/** An acknowledged write that cannot be read back. */
export interface LostWrite {
  readonly key: string
  readonly acknowledgedVersion: number
  /** 0: the key is not there at all. */
  readonly foundVersion: number
}

interface KeyState {
  issued: number
  acknowledged: number
}

export class KvLedger {
  readonly #keys = new Map<string, KeyState>()
  #acknowledged = 0

  /**
   * The version to write next. A key has one write under way at a time, so that its writes stay in
   * order.
   */
  issue(key: string): number {
    const state = this.#keys.get(key) ?? { issued: 0, acknowledged: 0 }
    invariant(state.issued === state.acknowledged, `key ${key} has a write under way`)
    state.issued += 1
    this.#keys.set(key, state)
    return state.issued
  }

  /** The store said `ok` to this version. Saying it again changes nothing. */
  acknowledge(key: string, version: number): void {
    const state = this.#keys.get(key)
    invariant(state !== undefined && version <= state.issued, `nobody wrote ${key} v${version}`)
    if (version <= state.acknowledged) return
    state.acknowledged = version
    this.#acknowledged += 1
  }

  /** Whether a write of this key is not acknowledged yet. */
  isUnderWay(key: string): boolean {
    const state = this.#keys.get(key)
    return state !== undefined && state.issued > state.acknowledged
  }

  /** What the store says it holds of `key` (0: nothing), against what it has promised. */
  lossOf(key: string, foundVersion: number): LostWrite | undefined {
    const acknowledgedVersion = this.#keys.get(key)?.acknowledged ?? 0
    if (foundVersion >= acknowledgedVersion) return undefined
    return { key, acknowledgedVersion, foundVersion }
  }

  /** Keys that hold at least one acknowledged write. */
  get keysToVerify(): string[] {
    return [...this.#keys].flatMap(([key, { acknowledged }]) => (acknowledged > 0 ? key : []))
  }

  get acknowledgedWrites(): number {
    return this.#acknowledged
  }
}
