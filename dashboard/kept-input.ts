// What a person types at a console while the coordinator is away: kept in order, as far as there is
// room, and sent when it is back. What finds no room is lost, and the page says so.
// Not here: keys at a screen (screen-session.ts), which have two ends each. Sizes in bytes.

/** A few lines: more was not typed, but pasted. */
export const keptBytesMax = 4096

export interface Waiting {
  readonly keptBytes: number
  readonly lostBytes: number
}

export const nothingWaits: Waiting = { keptBytes: 0, lostBytes: 0 }

export class KeptInput {
  readonly #send: (bytes: Uint8Array<ArrayBuffer>) => boolean
  readonly #changed: (waiting: Waiting) => void
  #kept: Uint8Array<ArrayBuffer>[] = []
  #waiting = nothingWaits

  /** @param send false: nothing was sent. */
  constructor(
    send: (bytes: Uint8Array<ArrayBuffer>) => boolean,
    changed: (waiting: Waiting) => void,
  ) {
    this.#send = send
    this.#changed = changed
  }

  /** True: it is sent, or will be. */
  type(bytes: Uint8Array<ArrayBuffer>): boolean {
    const { keptBytes, lostBytes } = this.#waiting
    if (keptBytes === 0 && this.#send(bytes)) return true
    const hasRoom = keptBytes + bytes.length <= keptBytesMax
    if (hasRoom) this.#kept.push(bytes)
    this.#tell(
      hasRoom
        ? { keptBytes: keptBytes + bytes.length, lostBytes }
        : { keptBytes, lostBytes: lostBytes + bytes.length },
    )
    return hasRoom
  }

  /** The stream is live again. */
  comeBack(): void {
    const kept = this.#kept
    this.#kept = []
    this.#tell(nothingWaits)
    for (const bytes of kept) this.type(bytes)
  }

  #tell(waiting: Waiting): void {
    if (waiting.keptBytes + waiting.lostBytes === this.#waiting.keptBytes + this.#waiting.lostBytes)
      return
    this.#waiting = waiting
    this.#changed(waiting)
  }
}
