// The node's learning switch: says to which ports a frame goes. Pure: no I/O, no clock of its own.
// Ports are the VMs of this node and the trunks to other nodes. Not here: how frames come and go
// (network.ts), what the node answers itself (address-answers.ts).
// Source: IEEE 802.1Q, 8.6 "The Forwarding Process" and 8.7 "The Learning Process".
//
// Laws: a frame never goes back out of the port it came from; what came by a trunk never goes out
// by a trunk (split horizon: every node has a trunk to every other, so there is no loop and no
// spanning tree); what was sent in one segment goes to no VM of another, and over no trunk whose
// other end could not tell them apart; a VM sends with its own address or not at all; an address
// that is a VM's here is nobody else's. Frames for all or for nobody known cost every VM something,
// so that a VM may send only so many of them (storm control).

import { commonSegment } from '#proto/ethernet-batch.ts'
import { destinationOf, ethernetHeaderBytes, isGroup, sourceOf } from './ethernet.ts'
import { MacTable } from './mac-table.ts'

export interface SwitchPort {
  readonly kind: 'vm' | 'trunk'
  /** For people: the VM's or the other node's name. */
  readonly name: string
  /** The address that is a VM's; a trunk carries many. */
  readonly mac?: number
  /** The one segment that a VM is in; a trunk carries many. */
  readonly segment?: string
  /** Of a trunk: the other end knows the common segment only. */
  readonly isPlain?: boolean
}

export const dropReasons = ['malformed', 'spoofed', 'foreign', 'storm', 'no-port'] as const
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
  /** For each segment that has a VM here: of others no frame has anywhere to go. */
  readonly #learned = new Map([[commonSegment, new MacTable<Port>()]])
  readonly #floods = new Map<Port, Allowance>()

  get ports(): ReadonlySet<Port> {
    return this.#ports
  }

  /** Addresses that were learned from trunks. */
  get learned(): number {
    let size = 0
    for (const table of this.#learned.values()) size += table.size
    return size
  }

  /** A VM whose address another port has takes it over: it is the one that was started last. */
  add(port: Port): void {
    this.#ports.add(port)
    if (port.mac === undefined) return
    this.#own.set(port.mac, [port])
    const segment = segmentOf(port)
    if (!this.#learned.has(segment)) this.#learned.set(segment, new MacTable())
    for (const table of this.#learned.values()) table.forget(port.mac)
  }

  /** Forgets the port and all that was learned from it. */
  remove(port: Port): void {
    this.#ports.delete(port)
    this.#floods.delete(port)
    for (const table of this.#learned.values()) table.forgetPort(port)
    if (port.mac !== undefined && this.#own.get(port.mac)?.[0] === port) this.#own.delete(port.mac)
    if (port.kind === 'vm') this.#forgetIfEmpty(segmentOf(port))
  }

  #forgetIfEmpty(segment: string): void {
    if (segment === commonSegment) return
    for (const { segment: other } of this.#ports) if (other === segment) return
    this.#learned.delete(segment)
  }

  /** Where a frame that came in at `from` goes. `tag`: the segment that a trunk says it is of. */
  forward(from: Port, frame: Uint8Array, nowMs: number, tag = commonSegment): Verdict<Port> {
    if (!this.#ports.has(from)) return 'no-port'
    if (frame.length < ethernetHeaderBytes) return 'malformed'
    const source = sourceOf(frame)
    if (isGroup(source) || source === 0) return 'malformed'
    if (from.kind === 'vm' ? source !== from.mac : this.#own.has(source)) return 'spoofed'
    const segment = from.kind === 'vm' ? segmentOf(from) : tag
    if (from.kind === 'trunk') this.#learned.get(segment)?.learn(source, from, nowMs)
    const destination = destinationOf(frame)
    return isGroup(destination)
      ? this.#flood(from, segment, nowMs)
      : this.#deliver(from, segment, destination, nowMs)
  }

  #deliver(from: Port, segment: string, destination: number, nowMs: number): Verdict<Port> {
    const own = this.#own.get(destination)
    // A VM of another segment is not there for this one.
    if (own !== undefined && segmentOf(own[0]) !== segment) return 'foreign'
    if (own !== undefined) return own[0] === from ? none : own
    // Whoever sent it by a trunk thought that the VM is here: it has just gone, and nobody else
    // here may have its frames.
    if (from.kind === 'trunk') return none
    const trunk = this.#learned.get(segment)?.find(destination, nowMs)
    return trunk === undefined ? this.#flood(from, segment, nowMs) : [trunk]
  }

  #flood(from: Port, segment: string, nowMs: number): Verdict<Port> {
    if (from.kind === 'vm' && !this.#mayFlood(from, nowMs)) return 'storm'
    const to: Port[] = []
    for (const port of this.#ports) {
      const takes = port.kind === 'vm' ? segmentOf(port) === segment : mayCarry(port, segment)
      if (port !== from && takes && (port.kind === 'vm' || from.kind === 'vm')) to.push(port)
    }
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

const segmentOf = ({ segment = commonSegment }: SwitchPort): string => segment

const mayCarry = ({ isPlain = false }: SwitchPort, segment: string): boolean =>
  segment === commonSegment || !isPlain
