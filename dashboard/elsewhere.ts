// Where to go when the page's own coordinator is away: of several, those that have an address for
// browsers are learned while it is there; when it has not answered for a while, they are asked
// which of them leads. The socket, the timer and the way there come from outside.
// Not here: the connection (live-stream.ts), what a person sees of it (parts/elsewhere.tsx). ms.

import type { CoordinatorPlace } from '#proto/coordinator-place.ts'
import type { StreamState } from './live-stream.ts'

export interface SeekerPorts {
  /** As the page's own coordinator knows them. */
  places(): Promise<readonly CoordinatorPlace[]>
  /** Does that one answer, and lead? Never rejects. */
  leads(place: CoordinatorPlace): Promise<boolean>
  /** Calls once, later; returns what cancels it. */
  after(ms: number, fn: () => void): () => void
  /** Undefined: nobody, or there is no need. */
  found(place: CoordinatorPlace | undefined): void
}

/** A coordinator that is started again is back by then, most of the time. */
export const patienceMs = 4000
/** Until one is elected, nobody leads; and who led may have gone too. */
export const seekEveryMs = 2000

export class Seeker {
  readonly #ports: SeekerPorts
  #places: readonly CoordinatorPlace[] = []
  #isAway = false
  /** Of this time away; what an earlier one still hears counts for nothing. */
  #time = 0
  #cancel = () => {}

  constructor(ports: SeekerPorts) {
    this.#ports = ports
  }

  hear({ is }: StreamState): void {
    if (is === 'live') {
      this.#stop()
      // A coordinator that answers and knows of no others has none.
      void this.#ports.places().then((places) => {
        this.#places = places
      })
    }
    if (is !== 'away' || this.#isAway) return
    this.#isAway = true
    this.#cancel = this.#ports.after(patienceMs, () => void this.#seek(this.#time))
  }

  #stop(): void {
    if (this.#isAway) this.#ports.found(undefined)
    this.#isAway = false
    this.#time++
    this.#cancel()
  }

  async #seek(time: number): Promise<void> {
    const asked = this.#places.map(async (place) =>
      (await this.#ports.leads(place)) ? [place] : [],
    )
    const [leader] = (await Promise.all(asked)).flat()
    if (time !== this.#time) return
    this.#ports.found(leader)
    this.#cancel = this.#ports.after(seekEveryMs, () => void this.#seek(time))
  }
}

/** The same page there: what was open here is open. */
export const addressThere = ({ address }: CoordinatorPlace, hash: string): string =>
  `${address}/${hash}`

/**
 * Who is logged in here is logged in there: sessions are the cluster's, and a browser sends a
 * cookie to every port of a host, but to no other host.
 */
export const isSameLogin = ({ address }: CoordinatorPlace, here: URL): boolean => {
  const there = new URL(address)
  return there.hostname === here.hostname && there.protocol === here.protocol
}
