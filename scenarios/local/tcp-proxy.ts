// A door in front of one process: every connection to it passes through here, so that it can be cut
// for real. A cut is silence, as on a network that lost its cable: nothing passes, no end is told,
// nothing already sent is lost. What was connected goes on after the heal, as TCP's retransmission
// would have it (RFC 9293, section 3.8.1); an end that gives up meanwhile is reported to the other
// end only then. Not here: who is cut from whom (loopback-network.ts).

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { invariant } from '#proto/invariant.ts'

/** One connection that passes through a door. */
export interface Passage {
  /** Who called, by the caller's port; undefined when nobody knows. */
  readonly from: string | undefined
  hold(): void
  release(): void
}

export interface DoorPlan {
  /** Names the caller of a new connection by its port. */
  readonly callerAt: (port: number) => string | undefined
  /** Is the way between this caller and this door cut now? */
  readonly isCut: (from: string | undefined) => boolean
}

export class Door {
  readonly #server: Server
  readonly #plan: DoorPlan
  readonly #passages = new Set<Connection>()
  #targetPort: number | undefined

  private constructor(plan: DoorPlan) {
    this.#plan = plan
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (caller) =>
      this.#enter(caller),
    )
  }

  /** Listens on loopback, on a port that the system chooses. */
  static async open(plan: DoorPlan): Promise<Door> {
    const door = new Door(plan)
    await new Promise<void>((resolve, reject) => {
      door.#server.once('error', reject)
      door.#server.listen(0, '127.0.0.1', resolve)
    })
    return door
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Where connections go from now on; until it is first called they are refused. */
  leadTo(port: number): void {
    invariant(port !== this.port, 'a door that leads to itself lets nobody in')
    this.#targetPort = port
  }

  /** Looks again at every connection: is its way cut? */
  review(): void {
    for (const passage of this.#passages)
      if (this.#plan.isCut(passage.from)) passage.hold()
      else passage.release()
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const passage of this.#passages) passage.destroy()
    await closed
  }

  #enter(caller: Socket): void {
    const port = this.#targetPort
    if (port === undefined) {
      caller.resetAndDestroy()
      return
    }
    const from = this.#plan.callerAt(caller.remotePort ?? 0)
    const passage = new Connection(from, caller, port, () => this.#passages.delete(passage))
    this.#passages.add(passage)
    if (!this.#plan.isCut(from)) passage.release()
  }
}

/** Two sockets back to back. Begins held, not even connected to the target: release() begins it. */
class Connection implements Passage {
  readonly from: string | undefined
  readonly #caller: Socket
  readonly #targetPort: number
  readonly #onGone: () => void
  #target: Socket | undefined
  #held = true
  #broken = false

  constructor(from: string | undefined, caller: Socket, targetPort: number, onGone: () => void) {
    this.from = from
    this.#caller = caller
    this.#targetPort = targetPort
    this.#onGone = onGone
    caller.setNoDelay(true)
    this.#breakWith(caller)
  }

  hold(): void {
    if (this.#held) return
    this.#held = true
    if (!this.#target) return
    this.#caller.unpipe(this.#target).pause()
    this.#target.unpipe(this.#caller).pause()
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    if (this.#broken) {
      this.destroy()
      return
    }
    this.#target ??= this.#reach()
    this.#caller.pipe(this.#target)
    this.#target.pipe(this.#caller)
  }

  destroy(): void {
    this.#caller.destroy()
    this.#target?.destroy()
    this.#onGone()
  }

  #reach(): Socket {
    const target = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true })
    target.setNoDelay(true)
    this.#breakWith(target)
    return target
  }

  /** An end that is gone takes the other with it, but never through a cut. */
  #breakWith(socket: Socket): void {
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#broken = true
      if (!this.#held) this.destroy()
    })
  }
}
