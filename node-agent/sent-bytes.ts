// How many bytes of pages this node has sent to each other one, whatever address that had: every
// link that carries them is counted where it is made. Not here: guests' frames
// (network/network.ts).

import type { MessageLink } from '#proto/wire.ts'

export class SentBytes {
  readonly #sent = new Map<string, number>()

  /** Since this process began. */
  to(node: string): number {
    return this.#sent.get(node) ?? 0
  }

  /** The same link; what is sent on it counts from now on. */
  counted(node: string, link: MessageLink): MessageLink {
    return {
      peer: link.peer,
      get bufferedBytes() {
        return link.bufferedBytes
      },
      send: (bytes, sent) => {
        this.#sent.set(node, this.to(node) + bytes.length)
        link.send(bytes, sent)
      },
      drained: (belowBytes) => link.drained(belowBytes),
      onMessage: (fn) => link.onMessage(fn),
      onClose: (fn) => link.onClose(fn),
      close: (reason) => link.close(reason),
    }
  }
}
