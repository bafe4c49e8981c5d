// Waits for what other processes bring about, by looking again and again.
// Not here: what is looked at. ms.

import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'

const lookMs = 5
const msMax = 30_000

/** What is found; rejects when it is not there in time. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const untilMs = performance.now() + msMax
  while (performance.now() < untilMs) {
    const found = await look()
    if (found !== undefined) return found
    await sleep(lookMs)
  }
  throw new Error(`not in time: ${what}`)
}
