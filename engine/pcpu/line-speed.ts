// The speed of a VM's lines, the serial one and the one to its network: a guest that writes faster
// waits, as it would for a transmitter. Everything that comes out costs the agent's one thread some
// work; without a limit one guest could keep it from its heartbeats, and the node would lose its
// lease. Not here: the devices (devices/console-line.ts, virtio-net.ts). Units: bytes, host ms.

export interface LineRate {
  readonly bytesPerMs: number
  /** What a piece costs at least, however short: handling it, not its bytes, is what it takes. */
  readonly pieceBytesMin: number
}

/**
 * 4 MiB/s: some hundred times a UART's 115,200 baud, and a percent of what the agent can take. A
 * piece is a message to the agent.
 */
export const serialRate: LineRate = { bytesPerMs: 4 * 1024, pieceBytesMin: 512 }
/** 256 Mbit/s, or 32,000 frames a second, each of which the agent looks at. */
export const networkRate: LineRate = { bytesPerMs: 32 * 1024, pieceBytesMin: 1024 }
/** The line takes so much at once before anybody waits. */
const aheadMsMax = 20

export class LineSpeed {
  readonly #rate: LineRate
  /** When all that was written would have been carried at the line's speed. */
  #idleAtMs = Number.NEGATIVE_INFINITY

  constructor(rate: LineRate) {
    this.#rate = rate
  }

  carry(bytes: number, pieces: number, nowMs: number): void {
    const { bytesPerMs, pieceBytesMin } = this.#rate
    const ms = Math.max(bytes, pieces * pieceBytesMin) / bytesPerMs
    this.#idleAtMs = Math.max(this.#idleAtMs, nowMs) + ms
  }

  /** Now; or later, when the line has caught up. */
  mayRunAtMs(nowMs: number): number {
    const aheadMs = this.#idleAtMs - nowMs
    return aheadMs > aheadMsMax ? nowMs + aheadMs - aheadMsMax / 2 : nowMs
  }
}
