// The speed of a VM's serial line: a guest that writes faster waits, as it would for a UART's
// transmitter. Every piece of output costs the agent's one thread a message; without a limit one
// guest could keep it from its heartbeats, and the node would lose its lease.
// Not here: the line (devices/console-line.ts). Units: bytes, host ms.

/** 4 MiB/s: some hundred times a UART's 115,200 baud, and a percent of what the agent can take. */
const bytesPerMs = 4 * 1024
/** What a piece costs at least, however short: the message, not the bytes, is what it takes. */
const pieceBytesMin = 512
/** The line takes so much at once before anybody waits. */
const aheadMsMax = 20

export class LineSpeed {
  /** When all that was written would have been carried at the line's speed. */
  #idleAtMs = Number.NEGATIVE_INFINITY

  carry(bytes: number, nowMs: number): void {
    const ms = Math.max(bytes, pieceBytesMin) / bytesPerMs
    this.#idleAtMs = Math.max(this.#idleAtMs, nowMs) + ms
  }

  /** Now; or later, when the line has caught up. */
  mayRunAtMs(nowMs: number): number {
    const aheadMs = this.#idleAtMs - nowMs
    return aheadMs > aheadMsMax ? nowMs + aheadMs - aheadMsMax / 2 : nowMs
  }
}
