// Touches large pages, so that they are there when others write to them. A word of each is written
// as it is, in one step: what another thread writes at the same moment stays.
// Not here: which ones (ahead.ts). Bytes.

import { parentPort } from 'node:worker_threads'
import { type Ahead, largeBytes } from './ahead.ts'

const wordBytes = 4

parentPort?.on('message', ({ buffer, from, length }: Ahead) => {
  const words = new Int32Array(buffer)
  for (let at = from; at < from + length; at += largeBytes) Atomics.or(words, at / wordBytes, 0)
})
