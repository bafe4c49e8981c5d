// Where a switch has last heard each address: learned, aged, and bounded, so that a guest or a node
// that invents addresses costs no memory without end.
// Not here: what is done with a frame (switch.ts). Times in ms of the caller's clock.
// Source: IEEE 802.1Q, 8.8 "The Filtering Database" (learning, ageing).

/** The standard's recommendation: 300 s. */
export const ageMsMax = 300_000
/** Far more VMs than a cluster has; when it is full, the one heard longest ago makes way. */
export const entriesMax = 8192
/** How much older an entry may look than it is: refreshing it for each frame would cost more. */
const refreshMs = 1000

interface Entry<Port> {
  readonly port: Port
  readonly heardAtMs: number
}

export class MacTable<Port> {
  /** In the order in which they were heard, but for the refresh. */
  readonly #entries = new Map<number, Entry<Port>>()

  get size(): number {
    return this.#entries.size
  }

  /** A frame from that address came in there. */
  learn(mac: number, port: Port, nowMs: number): void {
    const known = this.#entries.get(mac)
    if (known?.port === port && nowMs - known.heardAtMs < refreshMs) return
    this.#entries.delete(mac)
    this.#entries.set(mac, { port, heardAtMs: nowMs })
    if (this.#entries.size <= entriesMax) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  /** Where that address is, unless it has been silent for too long. */
  find(mac: number, nowMs: number): Port | undefined {
    const entry = this.#entries.get(mac)
    if (entry === undefined) return undefined
    if (nowMs - entry.heardAtMs < ageMsMax) return entry.port
    this.#entries.delete(mac)
    return undefined
  }

  forgetPort(port: Port): void {
    for (const [mac, entry] of this.#entries) if (entry.port === port) this.#entries.delete(mac)
  }

  forget(mac: number): void {
    this.#entries.delete(mac)
  }
}
