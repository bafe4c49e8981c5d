// How many instructions a slice may retire so that it lasts about a millisecond: measured, for each
// VM, since a guest in a tight loop runs many times faster than one that makes a device access in
// every other instruction. Why 1 ms: a pause, a lease's end and another VM's turn wait for the end
// of the slice.

/** What a slice should last at most, ms. */
export const sliceMs = 1
/** Of the interpreter about 0.1 ms: a first guess that is surely short. */
const firstBudget = 10_000
/** Of the slowest instructions there are (5 us) half a slice. */
const budgetMin = 100
const budgetMax = 4_000_000
/** Weight of the newest measurement. */
const newest = 0.25

export class SliceLength {
  #instructionsPerMs = firstBudget / sliceMs
  /** Of the slice before. */
  #granted = firstBudget

  /**
   * Instructions for the next slice, of that length; `mips` is what the pCPU may do at most, 0 for
   * no limit.
   */
  budget(mips: number, lengthMs = sliceMs): number {
    const limit = mips > 0 ? mips * 1000 * lengthMs : budgetMax
    const wanted = Math.min(this.#instructionsPerMs * lengthMs, limit, budgetMax)
    this.#granted = Math.max(budgetMin, Math.floor(wanted))
    return this.#granted
  }

  /**
   * A slice that ended early says little, for short ones are mostly the costs of entering and
   * leaving; but one that was too long says enough, whatever it did: the guest has become slower,
   * and its neighbours do not wait for an average to find out.
   */
  measured(instructions: number, ranMs: number): void {
    // The clock may be too coarse to see a short slice; growth by half a slice at a time is fast
    // enough.
    const measured = ranMs > 0 ? instructions / ranMs : Infinity
    if (ranMs > 2 * sliceMs) {
      this.#instructionsPerMs = Math.max(budgetMin, Math.min(this.#instructionsPerMs, measured))
      return
    }
    if (instructions < this.#granted / 2) return
    // No clock at all would make it grow without end.
    const most = Math.min(3 * this.#instructionsPerMs, budgetMax / sliceMs)
    const bounded = Math.min(measured, most)
    this.#instructionsPerMs += newest * (bounded - this.#instructionsPerMs)
  }
}
