// What comes over links is garbage a moment later: the parts as they were read, and the message
// they make. V8 counts such bytes as a burden from outside and marks its whole heap, on several
// threads, each time 64 MiB of them have come together; at a destination of migrations that took a
// third of its time. Who lets the young objects be collected before, which takes a millisecond,
// spares all of it. Not here: what is received. Bytes.
// Source: V8's Heap::ReportExternalMemoryPressure and its limit; measured with --trace-gc.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Each byte lies there twice, so this is half of what V8 bears. */
const bytesPerCollection = 16 << 20

let waitingBytes = 0
let collect: ((options: { type: 'minor' }) => void) | undefined

/** To be told of every message, when it has come. */
export function noteReceived(bytes: number): void {
  waitingBytes += bytes
  if (waitingBytes < bytesPerCollection) return
  waitingBytes = 0
  collect ??= collector()
  collect({ type: 'minor' })
}

/** V8 hands it out only to contexts that are made after it was asked to. */
function collector(): (options: { type: 'minor' }) => void {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}
