// How many requests in the background a post-copy has under way: as many as the link carries
// without an answer taking longer, because whatever waits on the link, a page that the VM stands
// still for waits behind. After TCP Vegas (Brakmo and Peterson, "TCP Vegas: End to End Congestion
// Avoidance on a Global Internet", 1995): the shortest answer is the way alone, what is longer is a
// queue. A near link needs one, a far one many.
// Not here: what is asked for (engine/memory/pager.ts).
// Times in ms.

/** Of 128 KiB each: 1 MiB under way. */
export const requestsMost = 8
/** An answer that takes this much longer than the shortest has stood in a queue. */
const queued = 1.5

export class ReadAhead {
  #requests = 1
  #shortestMs = Number.POSITIVE_INFINITY

  get requests(): number {
    return this.#requests
  }

  /** A request in the background was answered, all of it with content. */
  answered(ms: number): void {
    this.#shortestMs = Math.min(this.#shortestMs, ms)
    const step = ms > queued * this.#shortestMs ? -1 : 1
    this.#requests = Math.max(1, Math.min(requestsMost, this.#requests + step))
  }
}
