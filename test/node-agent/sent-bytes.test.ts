// Bytes of pages are counted by the node that they went to: one that comes back at another address
// is the same one.

import { expect, test } from 'vitest'
import { SentBytes } from '#node-agent/sent-bytes.ts'
import type { MessageLink } from '#proto/wire.ts'

const linkTo = (peer: string): MessageLink => ({
  ...{ peer, bufferedBytes: 0, send: () => undefined, drained: async () => undefined },
  ...{ onMessage: () => undefined, onClose: () => undefined, close: () => undefined },
})

test('what went over two links to one node is one sum', () => {
  const sent = new SentBytes()
  sent.counted('n2', linkTo('ws://old')).send(new Uint8Array(100))
  sent.counted('n2', linkTo('ws://new')).send(new Uint8Array(20))
  sent.counted('n3', linkTo('ws://other')).send(new Uint8Array(3))
  expect([sent.to('n2'), sent.to('n3'), sent.to('n4')]).toEqual([120, 3, 0])
})
