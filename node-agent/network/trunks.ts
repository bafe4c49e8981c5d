// The trunks of this node: one to every other node of the cluster, as the coordinator names them.
// Of two nodes the one whose name comes first connects, so that there is never a second trunk by
// design; if there is one after all, the newer counts. Trunks outlive the coordinator's absence.
// Not here: one trunk (trunk.ts), what a link has to prove (peer-session.ts). Times in ms.

import type { Cancel, Clock, Log, Random } from '#env/env.ts'
import { faultOf } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import { DestinationMessage, type SourceMessage } from '#proto/messages.ts'
import type { Neighbour } from '#proto/network-messages.ts'
import { type MessageLink, WireChannel } from '#proto/wire.ts'
import { signOfLifeMs, Trunk } from './trunk.ts'

export interface TrunksPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly nodeId: NodeId
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
  up(trunk: Trunk): void
  down(trunk: Trunk): void
  frames(trunk: Trunk, frames: readonly Uint8Array[], segment: string): void
}

/** A node that is to be connected to. */
interface Way {
  address: string
  isDialling: boolean
  dialAtMs: number
  backoffMs: number
}

const backoffMsMin = 250
/** How long a node that has come back may wait for its trunks, about. */
const backoffMsMax = 4000
/** A node that has not said welcome in that time is as good as away. */
const welcomeMsMax = 5000

export class Trunks {
  readonly #ports: TrunksPorts
  readonly #trunks = new Map<NodeId, Trunk>()
  readonly #ways = new Map<NodeId, Way>()
  /** Links that have been made and are no trunks yet. */
  readonly #greeting = new Map<MessageLink, Cancel>()
  /** Unknown until the coordinator has said it. */
  #members: ReadonlySet<NodeId> | undefined
  #next: Cancel = () => undefined
  #isClosed = false

  constructor(ports: TrunksPorts) {
    this.#ports = ports
    this.#beat()
  }

  all(): Trunk[] {
    return [...this.#trunks.values()]
  }

  /** All nodes of the cluster; where one is may have changed. */
  become(neighbours: readonly Neighbour[]): void {
    const { nodeId, clock } = this.#ports
    const named = new Map(neighbours.map((node) => [node.nodeId, node.address]))
    this.#members = new Set(named.keys())
    for (const trunk of this.all()) if (!named.has(trunk.name)) this.drop(trunk, 'not a member')
    for (const name of this.#ways.keys()) if (!named.has(name)) this.#ways.delete(name)
    for (const [name, address] of named) {
      if (name <= nodeId) continue
      const way = this.#ways.get(name)
      if (way?.address === address) continue
      const dialAtMs = clock.nowMs()
      this.#ways.set(name, { address, isDialling: false, dialAtMs, backoffMs: backoffMsMin })
    }
    this.#dialDue()
  }

  /** A link of that node has become a trunk; one that is no member's is closed at once. */
  accept(name: NodeId, link: MessageLink, version: number): Trunk {
    const { clock, frames, log, up } = this.#ports
    if (this.#members && !this.#members.has(name)) {
      const stranger = new Trunk(name, link, version, { clock, frames })
      stranger.close('not a member')
      return stranger
    }
    const older = this.#trunks.get(name)
    if (older) this.drop(older, 'replaced')
    const trunk = new Trunk(name, link, version, { clock, frames })
    this.#trunks.set(name, trunk)
    log.info('trunk up', { to: name })
    up(trunk)
    return trunk
  }

  /** The trunk is of no use any more, or its link has ended. */
  drop(trunk: Trunk, reason: string): void {
    if (!trunk.isUp) return
    trunk.close(reason)
    this.#trunks.delete(trunk.name)
    this.#ports.log.info('trunk down', { to: trunk.name, reason })
    this.#ports.down(trunk)
    this.#later(this.#ways.get(trunk.name))
  }

  /** What came on it, kind byte removed; what is wrong with it costs this trunk and no other. */
  receive(trunk: Trunk, bytes: Uint8Array): void {
    const refused = trunk.receive(bytes)
    if (refused === undefined) return
    this.#ports.log.warn('trunk refused', { from: trunk.name, ...refused })
    this.drop(trunk, refused.code)
  }

  close(reason: string): void {
    this.#isClosed = true
    this.#next()
    this.#ways.clear()
    for (const [link, cancel] of this.#greeting) {
      cancel()
      link.close(reason)
    }
    for (const trunk of this.all()) this.drop(trunk, reason)
  }

  #beat(): void {
    if (this.#isClosed) return
    const { clock } = this.#ports
    this.#next = clock.wakeAt(clock.nowMs() + signOfLifeMs / 4, () => this.#beat())
    this.#dialDue()
    for (const trunk of this.all()) {
      if (trunk.isSilent) this.drop(trunk, 'silence')
      else trunk.signIfDue()
    }
  }

  #dialDue(): void {
    const nowMs = this.#ports.clock.nowMs()
    for (const [name, way] of this.#ways)
      if (!way.isDialling && way.dialAtMs <= nowMs && !this.#trunks.has(name)) this.#dial(name, way)
  }

  #dial(name: NodeId, way: Way): void {
    way.isDialling = true
    this.#ports.connect(way.address).then(
      (link) => this.#greet(name, way, link),
      (thrown) => {
        this.#ports.log.debug('trunk not made', { to: name, why: faultOf(thrown).message })
        this.#later(way)
      },
    )
  }

  #greet(name: NodeId, way: Way, link: MessageLink): void {
    if (this.#isClosed || this.#ways.get(name) !== way) {
      link.close('not a member')
      return
    }
    const { clock } = this.#ports
    let trunk: Trunk | undefined
    const tooLate = clock.wakeAt(clock.nowMs() + welcomeMsMax, () => {
      this.#giveUp(link, way)
      link.close('no welcome')
    })
    this.#greeting.set(link, tooLate)
    const channel = new WireChannel<DestinationMessage, SourceMessage>(link, DestinationMessage, {
      message: (message) => {
        if (message.t !== 'welcome' || trunk || !this.#greeting.has(link)) return
        this.#endGreeting(link)
        channel.send({ t: 'trunk' })
        way.isDialling = false
        way.backoffMs = backoffMsMin
        trunk = this.accept(name, link, message.protocolVersion)
      },
      frame: (bytes) => trunk && this.receive(trunk, bytes),
      closed: (reason) => {
        if (trunk) this.drop(trunk, reason)
        else this.#giveUp(link, way)
      },
    })
    channel.send(this.#ports.hello())
  }

  /** Only once: a link may say late that it has ended. */
  #giveUp(link: MessageLink, way: Way): void {
    if (!this.#greeting.has(link)) return
    this.#endGreeting(link)
    this.#later(way)
  }

  #endGreeting(link: MessageLink): void {
    this.#greeting.get(link)?.()
    this.#greeting.delete(link)
  }

  /** Half of the wait is chance, so that a cluster does not come back in one instant. */
  #later(way: Way | undefined): void {
    if (way === undefined) return
    const { clock, random } = this.#ports
    way.isDialling = false
    way.dialAtMs = clock.nowMs() + way.backoffMs * (0.5 + random.float() / 2)
    way.backoffMs = Math.min(way.backoffMs * 2, backoffMsMax)
  }
}
