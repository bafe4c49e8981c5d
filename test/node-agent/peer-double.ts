// The destination end of a migration as a test plays it: takes everything, checks nothing, says
// `prepared` with the hash it was told, and never says `running`.

import type { Link, Listener } from '#env/env.ts'
import { realTransport } from '#env/real.ts'
import { type DestinationMessage, SourceMessage } from '#proto/messages.ts'
import { frameBytesMax, protocolVersion } from '#proto/units.ts'
import { WireChannel } from '#proto/wire.ts'

export class PeerDouble {
  readonly heard: string[] = []
  #listener: Listener | undefined
  #link: Link | undefined

  static async listen(): Promise<PeerDouble> {
    const peer = new PeerDouble()
    const limits = { messageBytesMax: frameBytesMax + 4096 }
    peer.#listener = await realTransport.listen('ws://127.0.0.1:0', limits, (link) =>
      peer.#take(link),
    )
    return peer
  }

  get address(): string {
    return this.#listener?.address ?? ''
  }

  cut(): void {
    this.#link?.close('cut by the test')
  }

  async close(): Promise<void> {
    await this.#listener?.close()
  }

  #take(link: Link): void {
    this.#link = link
    const channel = new WireChannel<SourceMessage, DestinationMessage>(link, SourceMessage, {
      message: (message) => {
        this.heard.push(message.t)
        const reply = answerTo(message)
        if (reply) channel.send(reply)
      },
      frame: () => undefined,
      closed: () => undefined,
    })
  }
}

function answerTo(message: SourceMessage): DestinationMessage | undefined {
  switch (message.t) {
    case 'hello':
      return { t: 'welcome', protocolVersion, clusterId: 'x', leaseMs: 1000, heartbeatMs: 100 }
    case 'offer':
      return { t: 'accept', migrationId: message.migrationId }
    case 'round-end':
      return { t: 'round-applied', migrationId: message.migrationId, round: message.round }
    case 'final':
      return { t: 'prepared', migrationId: message.migrationId, hash: message.hash }
    default:
      return undefined
  }
}
