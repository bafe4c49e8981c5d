// How many bytes of pages this node has sent to each address of another one: every link that
// carries them is counted where it is made. Not here: guests' frames (network/network.ts).

import type { MessageLink } from '#proto/wire.ts'

export class SentBytes {
  readonly #sent = new Map<string, number>()

  /** Since this process began. */
  to(address: string): number {
    return this.#sent.get(address) ?? 0
  }

  /** The same link; what is sent on it counts from now on. */
  counted(address: string, link: MessageLink): MessageLink {
    return {
      peer: link.peer,
      get bufferedBytes() {
        return link.bufferedBytes
      },
      send: (bytes, sent) => {
        this.#sent.set(address, this.to(address) + bytes.length)
        link.send(bytes, sent)
      },
      drained: (belowBytes) => link.drained(belowBytes),
      onMessage: (fn) => link.onMessage(fn),
      onClose: (fn) => link.onClose(fn),
      close: (reason) => link.close(reason),
    }
  }
}
