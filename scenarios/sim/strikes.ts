// What befalls a message of the search: it comes twice, or it is the one that a strike has waited
// for, and something breaks around it, to hit the milliseconds that chance hits once in some
// hundred runs. Not here: how things break (breakage.ts), when a strike is aimed (fault-plan.ts).
// Virtual ms.

import type { ClusterState } from '#coordinator/core/cluster-state.ts'
import type { Random } from '#env/env.ts'
import type { Breakage } from './breakage.ts'
import { hasOrder, isBetween } from './fault-aims.ts'
import { isCoordinator } from './sim-coordinator.ts'
import type { Crossing, Fate } from './sim-link.ts'

const kinds = ['sender', 'receiver', 'break', 'cut', 'hang'] as const
/** What befalls the ends of a link; `order`: the coordinator, and who heard its last word. */
type Strike = (typeof kinds)[number] | 'disk' | 'late' | 'order'
const arriving: readonly Strike[] = ['cut', 'hang', 'disk', 'late', 'order']

/** The one that a number means. */
export const strikeOf = (at: number): Strike => kinds[at % kinds.length] ?? 'break'

interface StrikePorts {
  state(): ClusterState
  count(what: string): void
}

export class Strikes {
  readonly #breakage: Breakage
  readonly #random: Random
  readonly #ports: StrikePorts
  /** Messages that come twice. */
  #repeats = 0
  /** So many of the messages that it is aimed at from now. */
  #next: { left: number; readonly what: Strike } | undefined

  constructor(breakage: Breakage, random: Random, ports: StrikePorts) {
    this.#breakage = breakage
    this.#random = random
    this.#ports = ports
  }

  aim(left: number, what: Strike): void {
    this.#next = { left, what }
  }

  repeat(messages: number): void {
    this.#repeats = messages
    this.#breakage.faults++
  }

  /** A message is being sent. */
  meet({ from, to }: Omit<Crossing, 'bytes'>): Fate {
    const next = this.#next
    if (next && this.#isAimed(next.what, from, to) && --next.left <= 0) {
      this.#next = undefined
      return this.#strike(next.what, from, to)
    }
    return this.#repeats-- > 0 ? 'twice' : 'arrives'
  }

  #isAimed(what: Strike, from: string, to: string): boolean {
    if (what === 'order') return isCoordinator(from) && hasOrder(this.#ports.state(), to)
    const isPeer = !isCoordinator(from) && !isCoordinator(to)
    return isPeer && isBetween(this.#ports.state(), from, to)
  }

  #strike(what: Strike, from: string, to: string): Fate {
    this.#ports.count(`strike: ${what}`)
    const breakage = this.#breakage
    if (what === 'sender') breakage.kill(from)
    else if (what === 'receiver') breakage.kill(to)
    else if (what === 'break') breakage.break(from, to)
    else if (what === 'cut') breakage.cut(from, to, true)
    else if (what === 'late') breakage.outlast(from, to, 2300 + this.#random.below(1000))
    else if (what === 'order') breakage.loseOrder(from, to, 50 + this.#random.below(500))
    else if (what === 'disk') breakage.failDisk(this.#random.below(2) === 0 ? from : to, 3)
    else breakage.hangSoon(to)
    return arriving.includes(what) ? 'arrives' : 'lost'
  }
}
