// The node's learning switch: says to which ports a frame goes. Pure: no I/O, no clock of its own.
// Ports are the VMs of this node and the trunks to other nodes. Not here: how frames come and go
// (network.ts), what the node answers itself (address-answers.ts).
// Source: IEEE 802.1Q, 8.6 "The Forwarding Process" and 8.7 "The Learning Process".
//
// Laws: a frame never goes back out of the port it came from; what came by a trunk never goes out
// by a trunk (split horizon: every node has a trunk to every other, so there is no loop and no
// spanning tree); a VM sends with its own address or not at all; an address that is a VM's here is
// nobody else's. Frames for all or for nobody known cost every VM something, so that a VM may send
// only so many of them (storm control).

import { destinationOf, ethernetHeaderBytes, isGroup, sourceOf } from './ethernet.ts'
import { MacTable } from './mac-table.ts'

export interface SwitchPort {
  readonly kind: 'vm' | 'trunk'
  /** For people: the VM's or the other node's name. */
  readonly name: string
  /** The address that is a VM's; a trunk carries many. */
  readonly mac?: number
}

export const dropReasons = ['malformed', 'spoofed', 'storm', 'no-port'] as const
export type DropReason = (typeof dropReasons)[number]

/** What becomes of a frame: the ports it goes to, or why it goes nowhere. */
export type Verdict<Port> = readonly Port[] | DropReason

/** Frames to be flooded that a VM may send at once, and each second. */
export const floodsMax = 256
export const floodsPerSecMax = 1000

interface Allowance {
  left: number
  atMs: number
}

export class LearningSwitch<Port extends SwitchPort> {
  readonly #ports = new Set<Port>()
  /** Each VM's port by its address, as the answer that it is. */
  readonly #own = new Map<number, readonly [Port]>()
  readonly #learned = new MacTable<Port>()
  readonly #floods = new Map<Port, Allowance>()

  get ports(): ReadonlySet<Port> {
    return this.#ports
  }

  /** Addresses that were learned from trunks. */
  get learned(): number {
    return this.#learned.size
  }

  /** A VM whose address another port has takes it over: it is the one that was started last. */
  add(port: Port): void {
    this.#ports.add(port)
    if (port.mac === undefined) return
    this.#own.set(port.mac, [port])
    this.#learned.forget(port.mac)
  }

  /** Forgets the port and all that was learned from it. */
  remove(port: Port): void {
    this.#ports.delete(port)
    this.#floods.delete(port)
    this.#learned.forgetPort(port)
    if (port.mac !== undefined && this.#own.get(port.mac)?.[0] === port) this.#own.delete(port.mac)
  }

  /** Where a frame that came in at `from` goes. */
  forward(from: Port, frame: Uint8Array, nowMs: number): Verdict<Port> {
    if (!this.#ports.has(from)) return 'no-port'
    if (frame.length < ethernetHeaderBytes) return 'malformed'
    const source = sourceOf(frame)
    if (isGroup(source) || source === 0) return 'malformed'
    if (from.kind === 'vm' ? source !== from.mac : this.#own.has(source)) return 'spoofed'
    if (from.kind === 'trunk') this.#learned.learn(source, from, nowMs)
    const destination = destinationOf(frame)
    return isGroup(destination) ? this.#flood(from, nowMs) : this.#deliver(from, destination, nowMs)
  }

  #deliver(from: Port, destination: number, nowMs: number): Verdict<Port> {
    const own = this.#own.get(destination)
    if (own !== undefined) return own[0] === from ? none : own
    // Whoever sent it by a trunk thought that the VM is here: it has just gone, and nobody else
    // here may have its frames.
    if (from.kind === 'trunk') return none
    const trunk = this.#learned.find(destination, nowMs)
    return trunk === undefined ? this.#flood(from, nowMs) : [trunk]
  }

  #flood(from: Port, nowMs: number): Verdict<Port> {
    if (from.kind === 'vm' && !this.#mayFlood(from, nowMs)) return 'storm'
    const to: Port[] = []
    for (const port of this.#ports)
      if (port !== from && (port.kind === 'vm' || from.kind === 'vm')) to.push(port)
    return to
  }

  #mayFlood(from: Port, nowMs: number): boolean {
    const allowance = this.#floods.get(from) ?? { left: floodsMax, atMs: nowMs }
    this.#floods.set(from, allowance)
    const gained = (Math.max(0, nowMs - allowance.atMs) * floodsPerSecMax) / 1000
    allowance.left = Math.min(floodsMax, allowance.left + gained)
    allowance.atMs = nowMs
    if (allowance.left < 1) return false
    allowance.left -= 1
    return true
  }
}

const none: readonly never[] = []
