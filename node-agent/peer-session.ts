// One link that another node has opened: greeting; then, of a source of a migration, its offer and
// the run that takes it, or the request that it be a trunk. Whatever arrives out of place, is
// malformed or too large closes this link and no other, with a named fault. Not here: what an
// offer needs (admission.ts), what follows from it (migration/destination.ts), trunks (network/).

import type { Cancel, Clock, Log } from '#env/env.ts'
import { type Fault, fault, faultOf } from '#proto/faults.ts'
import type { NodeId } from '#proto/ids.ts'
import { invariant } from '#proto/invariant.ts'
import type { Offer } from '#proto/messages.ts'
import {
  type DestinationMessage,
  type Hello,
  type Join,
  type Reconnect,
  type ReplicaOffer,
  SourceMessage,
  type Welcome,
} from '#proto/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { type MessageLink, WireChannel } from '#proto/wire.ts'
import type { HeldVm } from './held-vms.ts'
import { answerMsMax } from './migration/protocol.ts'
import type { TrunkEnd } from './network/network.ts'

/** What speaks to the other end once it is clear what for. */
export interface PeerRun {
  begin(): void
  hear(message: SourceMessage): void
  /** A binary message, kind byte removed. */
  receive(bytes: Uint8Array): void
  closed(session: PeerSession, reason: string): void
}

/** A run that a source may go on with over a new link. */
export interface LastingRun extends PeerRun {
  reconnect(session: PeerSession): void
}

export interface PeerPorts {
  readonly clock: Clock
  readonly log: Log
  readonly token: string
  welcome(): Welcome
  admit(offer: Offer): { readonly admitted: readonly HeldVm[] } | { readonly fault: Fault }
  /** Builds the machine of the first VM and the run that fills it. */
  open(offer: Offer, vms: readonly HeldVm[], session: PeerSession): Promise<PeerRun>
  /** The run of a VM in post-copy whose source has made a new link. */
  reconnect(source: Reconnect): LastingRun | undefined
  /** What takes the frames of one more link of a migration that comes in. */
  join(stream: Join, session: PeerSession): PeerRun | undefined
  discard(vm: HeldVm, fault: Fault): void
  /** A replica of a VM that runs there. */
  admitReplica(offer: ReplicaOffer): { readonly vm: HeldVm } | { readonly fault: Fault }
  openReplica(offer: ReplicaOffer, vm: HeldVm, session: PeerSession): Promise<PeerRun>
  /** The link is that node's trunk from now on; `version`: the protocol that it speaks. */
  trunk(nodeId: NodeId, link: MessageLink, version: number): TrunkEnd
  closed(): void
}

export class PeerSession {
  readonly #ports: PeerPorts
  readonly #channel: WireChannel<SourceMessage, DestinationMessage>
  readonly #tooLate: Cancel
  #phase: 'greeting' | 'idle' | 'opening' | 'running' | 'trunk' | 'closed' = 'greeting'
  #nodeId: NodeId | undefined
  #version = 0
  #run: PeerRun | undefined
  #trunk: TrunkEnd | undefined

  constructor(link: MessageLink, ports: PeerPorts) {
    this.#ports = ports
    this.#channel = new WireChannel<SourceMessage, DestinationMessage>(link, SourceMessage, {
      message: (message) => this.#hear(message),
      frame: (bytes) => this.#receive(bytes),
      closed: (reason) => this.#closed(reason),
    })
    this.#tooLate = ports.clock.wakeAt(ports.clock.nowMs() + answerMsMax, () => {
      if (this.#phase === 'greeting' || this.#phase === 'idle')
        this.#refuse(fault('timed-out', `no offer within ${answerMsMax} ms`))
    })
  }

  send(message: DestinationMessage): void {
    this.#channel.send(message)
  }

  close(reason: string): void {
    this.#channel.close(reason)
  }

  #hear(message: SourceMessage) {
    if (this.#phase === 'running') return this.#run?.hear(message)
    if (this.#phase === 'greeting' && message.t === 'hello') return this.#greet(message)
    if (this.#phase === 'idle' && message.t === 'offer') return this.#consider(message)
    if (this.#phase === 'idle' && message.t === 'replica-offer') return this.#keep(message)
    if (this.#phase === 'idle' && message.t === 'trunk') return this.#becomeTrunk()
    if (this.#phase === 'idle' && message.t === 'reconnect') return this.#goOn(message)
    if (this.#phase === 'idle' && message.t === 'join') return this.#becomeStream(message)
    if (this.#phase === 'opening' && message.t === 'abort') return this.close('cancelled')
    this.#refuse(
      fault('bad-message', `${message.t} means nothing on a link that is ${this.#phase}`),
    )
  }

  #receive(bytes: Uint8Array): void {
    if (this.#phase === 'running') this.#run?.receive(bytes)
    else if (this.#phase === 'trunk') this.#trunk?.receive(bytes)
    else this.#refuse(fault('bad-frame', `a binary frame on a link that is ${this.#phase}`))
  }

  #greet(hello: Hello) {
    const { provenName } = this.#channel.link
    const refusal = greetingFault(hello, this.#ports.token, provenName)
    if (refusal) return this.#refuse(refusal)
    this.#phase = 'idle'
    this.#nodeId = hello.nodeId
    this.#version = hello.protocolVersion
    this.#channel.send(this.#ports.welcome())
  }

  #becomeTrunk(): void {
    invariant(this.#nodeId, 'a link is greeted before it is idle')
    this.#phase = 'trunk'
    this.#tooLate()
    this.#trunk = this.#ports.trunk(this.#nodeId, this.#channel.link, this.#version)
  }

  #consider(offer: Offer) {
    const admission = this.#ports.admit(offer)
    if ('fault' in admission) return this.#decline(offer, admission.fault)
    const { admitted } = admission
    this.#open(offer, admitted, this.#ports.open(offer, admitted, this))
  }

  #keep(offer: ReplicaOffer) {
    const admission = this.#ports.admitReplica(offer)
    if ('fault' in admission) return this.#decline(offer, admission.fault)
    const { vm } = admission
    this.#open(offer, [vm], this.#ports.openReplica(offer, vm, this))
  }

  #open(offer: Offer | ReplicaOffer, vms: readonly HeldVm[], opening: Promise<PeerRun>): void {
    this.#phase = 'opening'
    this.#begin(opening).catch((thrown) => {
      for (const vm of vms) this.#ports.discard(vm, faultOf(thrown))
      this.#decline(offer, faultOf(thrown))
    })
  }

  async #begin(opening: Promise<PeerRun>): Promise<void> {
    const run = await opening
    this.#run = run
    if (this.#phase !== 'opening') return run.closed(this, 'it ended early')
    this.#phase = 'running'
    run.begin()
  }

  #goOn(source: Reconnect) {
    const run = this.#ports.reconnect(source)
    if (!run) return this.#decline(source, unknownRun(source))
    this.#phase = 'running'
    this.#run = run
    run.reconnect(this)
  }

  #becomeStream(stream: Join) {
    const run = this.#ports.join(stream, this)
    if (!run) return this.#decline(stream, unknownRun(stream))
    this.#phase = 'running'
    this.#run = run
    this.#channel.send({ t: 'joined', migrationId: stream.migrationId })
  }

  #decline(offer: Pick<Offer, 'migrationId'>, refusal: Fault): void {
    this.#ports.log.warn('offer refused', { ...refusal, migrationId: offer.migrationId })
    this.#channel.send({ t: 'refuse', migrationId: offer.migrationId, fault: refusal })
    this.#channel.close(refusal.code)
  }

  #refuse(refusal: Fault): void {
    this.#ports.log.warn('peer refused', { ...refusal, peer: this.#channel.link.peer })
    this.#channel.send({ t: 'refused', fault: refusal })
    this.#channel.close(refusal.code)
  }

  #closed(reason: string): void {
    this.#phase = 'closed'
    this.#tooLate()
    this.#ports.closed()
    this.#run?.closed(this, reason)
    this.#trunk?.closed(reason)
  }
}

const unknownRun = ({ vmId, migrationId }: Reconnect | Join): Fault =>
  fault('unknown-migration', `nothing of VM ${vmId} and migration ${migrationId} is here`)

function greetingFault(hello: Hello, token: string, provenName?: string): Fault | undefined {
  if (provenName !== undefined && provenName !== hello.nodeId)
    return fault('bad-certificate', `the certificate is ${provenName}'s, not ${hello.nodeId}'s`)
  if (hello.role !== 'peer') return fault('bad-message', 'this is the peer port of an agent')
  if (Math.abs(hello.protocolVersion - protocolVersion) > 1)
    return fault(
      'version-mismatch',
      `protocol ${hello.protocolVersion} there, ${protocolVersion} here: update the older node`,
    )
  if (!sameSecret(hello.token, token))
    return fault('bad-token', 'the token differs: give all nodes the same --token-file')
  return undefined
}

/** Takes as long for a wrong token as for a right one. */
function sameSecret(given: string, wanted: string): boolean {
  let difference = given.length ^ wanted.length
  for (let i = 0; i < wanted.length; i++) difference |= given.charCodeAt(i) ^ wanted.charCodeAt(i)
  return difference === 0
}
