// A door in front of one process: every connection to it passes through here, so that it can be cut
// for real. A cut is silence, as on a network that lost its cable: nothing passes, no end is told,
// nothing already sent is lost. What was connected goes on after the heal, as TCP's retransmission
// would have it (RFC 9293, section 3.8.1); an end that gives up meanwhile is reported to the other
// end only then. Not here: which way is cut (loopback-network.ts), how bytes pass (road.ts).

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { invariant } from '#proto/invariant.ts'
import { Flow, type Road } from './road.ts'

/** The two directions of a connection: of what the caller says, and of what it hears. */
export interface Ways {
  readonly there: Road
  readonly back: Road
}

/** Which they are for a new connection, by where it comes from. */
export type WaysOf = (callerPort: number, callerAddress: string) => Ways

export interface Place {
  readonly host: string
  readonly port: number
}

const loopback = '127.0.0.1'

export class Door {
  readonly #server: Server
  readonly #waysOf: WaysOf
  readonly #passages = new Set<Connection>()
  #target: Place | undefined

  private constructor(waysOf: WaysOf) {
    this.#waysOf = waysOf
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (caller) =>
      this.#enter(caller),
    )
  }

  /** Listens on loopback unless said, on a port that the system chooses. */
  static async open(waysOf: WaysOf, at: Place = { host: loopback, port: 0 }): Promise<Door> {
    const door = new Door(waysOf)
    await new Promise<void>((resolve, reject) => {
      door.#server.once('error', reject)
      door.#server.listen(at.port, at.host, resolve)
    })
    return door
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Where connections go from now on; until it is first called they are refused. */
  leadTo(port: number, host = loopback): void {
    const isItself = host === loopback && port === this.port
    invariant(!isItself, 'a door that leads to itself lets nobody in')
    this.#target = { host, port }
  }

  /** Looks again at every connection: is a way of it cut? */
  review(): void {
    for (const passage of this.#passages) passage.review()
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const passage of this.#passages) passage.destroy()
    await closed
  }

  #enter(caller: Socket): void {
    const target = this.#target
    if (target === undefined) {
      caller.resetAndDestroy()
      return
    }
    const ways = this.#waysOf(caller.remotePort ?? 0, caller.remoteAddress ?? '')
    const passage = new Connection(ways, caller, target, () => this.#passages.delete(passage))
    this.#passages.add(passage)
    passage.review()
  }
}

/** Two sockets back to back. It reaches its target when both ways are open. */
class Connection {
  readonly #ways: Ways
  readonly #caller: Socket
  readonly #place: Place
  readonly #onGone: () => void
  #target: Socket | undefined
  #flows: readonly Flow[] = []
  readonly #gone = { caller: false, target: false }

  constructor(ways: Ways, caller: Socket, place: Place, onGone: () => void) {
    this.#ways = ways
    this.#caller = caller
    this.#place = place
    this.#onGone = onGone
    caller.setNoDelay(true)
    this.#breakWith(caller, 'caller')
  }

  review(): void {
    const { there, back } = this.#ways
    if (this.#isOver()) {
      this.destroy()
      return
    }
    if (!this.#target && !there.isCut && !back.isCut) this.#reach()
    for (const flow of this.#flows) flow.review()
  }

  /** An end that is gone takes the other with it: behind what it said, and never through a cut. */
  #isOver(): boolean {
    const { there, back } = this.#ways
    const [said, heard] = this.#flows
    if (this.#gone.caller) return !there.isCut && !said?.isCarrying
    return this.#gone.target && !back.isCut && !heard?.isCarrying
  }

  destroy(): void {
    this.#caller.destroy()
    this.#target?.destroy()
    for (const flow of this.#flows) flow.close()
    this.#onGone()
  }

  #reach(): void {
    const target = connect({ ...this.#place, allowHalfOpen: true })
    target.setNoDelay(true)
    this.#breakWith(target, 'target')
    this.#target = target
    const { there, back } = this.#ways
    const onEnd = () => this.review()
    this.#flows = [
      new Flow(this.#caller, target, { road: there, onEnd }),
      new Flow(target, this.#caller, { road: back, onEnd }),
    ]
  }

  #breakWith(socket: Socket, end: 'caller' | 'target'): void {
    socket.on('error', () => {})
    socket.on('close', (isBroken) => {
      this.#gone[end] = true
      if (isBroken) this.#flows[end === 'caller' ? 0 : 1]?.close()
      this.review()
    })
  }
}
