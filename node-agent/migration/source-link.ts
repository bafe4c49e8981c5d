// The way from a migration's source to its destination: one link that speaks, made anew when it
// breaks, and beside it as many more for pages as are wanted. Those are made while the first
// already sends; one that cannot be had is done without, and one that breaks later takes the others
// along, since nobody knows what was on it.
// Not here: what is said (source.ts), where a frame goes (page-links.ts).

import type { Clock, Log } from '#env/env.ts'
import { type Fault, FaultError, fault } from '#proto/faults.ts'
import { DestinationMessage, type Join, type SourceMessage, type Welcome } from '#proto/messages.ts'
import { streamsVersion } from '#proto/units.ts'
import { type MessageLink, WireChannel } from '#proto/wire.ts'
import { PageLinks } from './page-links.ts'
import { unreachable } from './source-end.ts'

type Channel = WireChannel<DestinationMessage, SourceMessage>

export interface SourceLinkPorts {
  readonly clock: Clock
  readonly log: Log
  connect(address: string): Promise<MessageLink>
  hello(): SourceMessage
}

export interface SourceLinkEars {
  welcome(message: Welcome): void
  message(message: DestinationMessage): void
  failed(fault: Fault): void
  closed(reason: string): void
}

export class SourceLink {
  readonly #ports: SourceLinkPorts
  readonly #ears: SourceLinkEars
  /** What another link says of itself. */
  readonly #join: Join
  readonly #streams: number
  #channel: Channel | undefined
  #pages: PageLinks | undefined
  /** Besides the first. */
  #others: Channel[] = []
  #address = ''
  #knowsStreams = false
  #isReconnecting = false
  #isOver = false

  constructor(join: Join, streams: number, ports: SourceLinkPorts, ears: SourceLinkEars) {
    this.#join = join
    this.#streams = streams
    this.#ports = ports
    this.#ears = ears
  }

  send(message: SourceMessage): void {
    this.#channel?.send(message)
  }

  /** Where pages go. Throws when there is no link now. */
  get pages(): PageLinks {
    if (!this.#pages) throw new FaultError(fault('link-lost', 'there is no link now'))
    return this.#pages
  }

  async connect(address: string): Promise<void> {
    let link: MessageLink
    try {
      link = await this.#ports.connect(address)
    } catch (thrown) {
      return this.#ears.failed(unreachable(address, thrown))
    }
    if (this.#isOver) return link.close('cancelled')
    this.#address = address
    const isCurrent = () => this.#channel === channel
    const channel: Channel = new WireChannel<DestinationMessage, SourceMessage>(
      link,
      DestinationMessage,
      {
        message: (message) => this.#hear(message),
        closed: (reason, refused) => {
          if (!isCurrent()) return
          this.#dropOthers(reason)
          if (refused) this.#ears.failed(refused)
          else this.#ears.closed(reason)
        },
      },
    )
    this.#channel = channel
    this.#pages = new PageLinks(link)
    channel.send(this.#ports.hello())
  }

  /** One link at a time, and one try at a time. */
  reconnect(address: string, afterMs: number): void {
    const { clock } = this.#ports
    if (this.#isReconnecting) return
    this.#isReconnecting = true
    this.#dropOthers('link-lost')
    this.#channel?.close('link-lost')
    clock.wakeAt(clock.nowMs() + afterMs, () => {
      this.#isReconnecting = false
      if (!this.#isOver) void this.connect(address)
    })
  }

  close(reason: string): void {
    this.#isOver = true
    this.#channel?.close(reason)
    this.#dropOthers(reason)
  }

  #hear(message: DestinationMessage): void {
    if (message.t === 'welcome') {
      this.#knowsStreams = message.protocolVersion >= streamsVersion
      this.#ears.welcome(message)
      return
    }
    // It has a run that they can join, and from now on one that this end speaks with.
    if (message.t === 'accept' || message.t === 'running') this.#widen()
    this.#ears.message(message)
  }

  #widen(): void {
    if (!this.#knowsStreams || this.#others.length > 0) return
    for (let n = 1; n < this.#streams; n++) this.#openAnother().catch(() => undefined)
  }

  async #openAnother(): Promise<void> {
    const pages = this.#pages
    const link = await this.#ports.connect(this.#address)
    if (this.#isOver || !pages || pages !== this.#pages) return link.close('cancelled')
    let isJoined = false
    const channel: Channel = new WireChannel<DestinationMessage, SourceMessage>(
      link,
      DestinationMessage,
      {
        message: (message) => {
          if (message.t === 'welcome') return channel.send(this.#join)
          if (message.t !== 'joined') return channel.close('unexpected')
          isJoined = true
          if (pages === this.#pages) pages.add(link)
        },
        closed: (reason) => {
          if (isJoined && pages === this.#pages) this.#lose(reason)
          else if (!isJoined) this.#ports.log.info('a stream was refused', { reason })
        },
      },
    )
    this.#others.push(channel)
    channel.send(this.#ports.hello())
  }

  /** What was on one of them is lost, and nobody knows what that was. */
  #lose(reason: string): void {
    if (this.#isOver) return
    this.#dropOthers(reason)
    this.#channel?.close('link-lost')
  }

  #dropOthers(reason: string): void {
    this.#pages?.closed()
    this.#pages = undefined
    for (const other of this.#others.splice(0)) other.close(reason)
  }
}
