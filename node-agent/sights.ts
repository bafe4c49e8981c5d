// Tells the coordinator what somebody looks at, again and again, for as long as it is asked for:
// what has gone to each other node, and the pages of a VM. Nothing is measured for it and nothing
// is told while nobody looks. Not here: what a map shows (page-map.ts). Times in ms.

import type { Cancel, Clock } from '#env/env.ts'
import type { VmId } from '#proto/ids.ts'
import type { LinkSight, Look, PageMap, Sight } from '#proto/sights.ts'

/** Smooth enough for a map that fills, and a few per cent of a core at most. */
const everyMs = 250
/** Whoever looks asks again; nobody is told for longer than that at once. */
const forMsMax = 10_000

export interface SightsPorts {
  readonly clock: Clock
  /** False: the link has enough to carry. */
  hasRoom(): boolean
  send(sight: Sight): void
  links(): readonly LinkSight[]
  pagesOf(vmId: VmId): PageMap | undefined
}

export class Sights {
  readonly #ports: SightsPorts
  #look: Look | undefined
  #untilMs = 0
  #next: Cancel | undefined

  constructor(ports: SightsPorts) {
    this.#ports = ports
  }

  /** The newest wish counts. */
  hear(look: Look): void {
    this.#look = look
    this.#untilMs = this.#ports.clock.nowMs() + Math.min(look.forMs, forMsMax)
    if (!this.#next) this.#tell()
  }

  stop(): void {
    this.#next?.()
    this.#next = undefined
    this.#look = undefined
  }

  #tell(): void {
    const { clock, hasRoom } = this.#ports
    const nowMs = clock.nowMs()
    this.#next = undefined
    if (!this.#look || nowMs >= this.#untilMs) return
    if (hasRoom()) this.#send(this.#look, nowMs)
    this.#next = clock.wakeAt(nowMs + everyMs, () => this.#tell())
  }

  #send({ links, vmIds }: Look, atMs: number): void {
    const pages = vmIds.flatMap((vmId) => this.#ports.pagesOf(vmId) ?? [])
    this.#ports.send({
      ...{ t: 'sight', atMs },
      ...(links ? { links: [...this.#ports.links()] } : {}),
      ...(pages.length > 0 ? { pages } : {}),
    })
  }
}
