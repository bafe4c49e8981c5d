// The client on a line that breaks, a guest that reboots, and a store that refuses.

import { describe, expect, test } from 'vitest'
import { SeededRandom, VirtualClock } from '#env/memory.ts'
import { FaultError, fault } from '#proto/faults.ts'
import type { ApiClient, ConsoleHandlers } from '#scenarios/api-client.ts'
import { KvClient } from '#scenarios/kv-client.ts'
import { drive } from './fake-world.ts'

/** The console of one VM, whose guest, line and answers the test holds in its hands. */
class ConsoleInHand {
  readonly heard: string[] = []
  readonly stored = new Map<string, string>()
  /** What the guest does with a request; undefined: no answer. */
  answer: (words: string[]) => string | undefined = (words) => this.store(words)
  reachable = true
  #handlers: ConsoleHandlers | undefined

  readonly api = {
    console: async (_vmId: string, _options: unknown, handlers: ConsoleHandlers) => {
      if (!this.reachable) throw new FaultError(fault('link-lost', 'Nobody answers.'))
      this.#handlers = handlers
      queueMicrotask(() => handlers.onHeader({ vmId: 'store', epoch: 1, offset: 0 }))
      return { send: (bytes: Uint8Array) => this.#hear(bytes), close: () => {} }
    },
  } as unknown as ApiClient

  store([verb, key = '', value = '']: string[]): string {
    if (verb === 'get') return this.stored.has(key) ? `value ${this.stored.get(key)}` : 'none'
    this.stored.set(key, value)
    return 'ok 1'
  }

  say(text: string): void {
    this.#handlers?.onOutput(new TextEncoder().encode(text))
  }

  cut(): void {
    this.#handlers?.onClose('cut')
    this.#handlers = undefined
  }

  #hear(bytes: Uint8Array): void {
    for (const line of new TextDecoder().decode(bytes).split('\n').filter(Boolean)) {
      this.heard.push(line)
      const [id, ...words] = line.split(' ')
      const answer = this.answer(words)
      if (answer !== undefined) this.say(`${id} ${answer}\n`)
    }
  }
}

const clientOf = (hand: ConsoleInHand, clock: VirtualClock, inFlight = 4) =>
  new KvClient(
    { api: hand.api, clock, random: new SeededRandom(1) },
    { id: 'shop', vmId: 'store', writesPerSecond: 100, keys: 10, inFlight },
    'c1',
    () => {},
  )

/** Lets time pass in small steps, so that what was promised meanwhile happens. */
async function pass(clock: VirtualClock, ms: number): Promise<void> {
  let over = false
  clock.wakeAt(clock.nowMs() + ms, () => {
    over = true
  })
  while (!over)
    await drive(
      clock,
      new Promise<void>((resolve) => void clock.wakeAt(clock.nowMs() + 1, resolve)),
    )
}

describe('a client', () => {
  test('writes at its rate, and finds everything it was promised', async () => {
    const [hand, clock] = [new ConsoleInHand(), new VirtualClock()]
    const client = clientOf(hand, clock)
    await pass(clock, 1000)
    client.stopWriting()
    expect(client.acknowledged).toBeGreaterThan(90)
    expect(client.acknowledged).toBeLessThanOrEqual(101)
    client.verify()
    expect(client.isVerified).toBe(true)
    expect(client.findings).toMatchObject({ lost: [], refused: 0, verifiedKeys: 10 })
    client.close()
  })

  test('has no more requests in flight than it may', async () => {
    const [hand, clock] = [new ConsoleInHand(), new VirtualClock()]
    hand.answer = () => undefined
    const client = clientOf(hand, clock, 3)
    await pass(clock, 1000)
    expect(new Set(hand.heard).size).toBe(3)
    client.close()
  })

  test('repeats, unchanged, what was not answered when the line comes back', async () => {
    const [hand, clock] = [new ConsoleInHand(), new VirtualClock()]
    const client = clientOf(hand, clock)
    hand.answer = () => undefined
    await pass(clock, 200)
    const unanswered = [...hand.heard]
    expect(unanswered).toHaveLength(4)
    hand.reachable = false
    hand.cut()
    await pass(clock, 500)
    hand.reachable = true
    hand.answer = (words) => hand.store(words)
    await pass(clock, 200)
    expect(hand.heard.slice(4, 8)).toEqual(unanswered)
    client.stopWriting()
    expect(client.isQuiet).toBe(true)
    expect(client.findings.waitMsMax).toBeGreaterThan(500)
    client.close()
  })

  test('repeats what a rebooted guest never heard, without any sign from the line', async () => {
    const [hand, clock] = [new ConsoleInHand(), new VirtualClock()]
    const client = clientOf(hand, clock)
    hand.answer = () => undefined
    await pass(clock, 200)
    hand.answer = (words) => hand.store(words)
    await pass(clock, 3000)
    client.stopWriting()
    expect(client.isQuiet).toBe(true)
    client.close()
  })

  test('finds what is older than was acknowledged, and what is gone', async () => {
    const [hand, clock] = [new ConsoleInHand(), new VirtualClock()]
    const client = clientOf(hand, clock)
    await pass(clock, 1000)
    client.stopWriting()
    const [older, gone] = [...hand.stored.keys()] as [string, string]
    hand.stored.set(older, 'v0')
    hand.stored.delete(gone)
    client.verify()
    expect(client.findings.lost.map((loss) => [loss.key, loss.foundVersion])).toEqual(
      expect.arrayContaining([
        [older, 0],
        [gone, 0],
      ]),
    )
    client.close()
  })

  test('counts a refusal as no promise, and tries again', async () => {
    const [hand, clock] = [new ConsoleInHand(), new VirtualClock()]
    let refusals = 5
    hand.answer = (words) => (refusals-- > 0 ? 'error disk-failed' : hand.store(words))
    const client = clientOf(hand, clock)
    await pass(clock, 1000)
    expect(client.findings.refused).toBe(5)
    expect(client.acknowledged).toBeGreaterThan(30)
    client.close()
  })

  test('takes answers that arrive in pieces, among what the guest says unasked', async () => {
    const [hand, clock] = [new ConsoleInHand(), new VirtualClock()]
    hand.answer = () => undefined
    const client = clientOf(hand, clock, 1)
    await pass(clock, 50)
    const id = hand.heard[0]?.split(' ')[0]
    for (const piece of ['noise\n', `${id}`, ' ok', ' 7', '\ndirty writes=1\n']) hand.say(piece)
    expect(client.acknowledged).toBe(1)
    client.close()
  })
})
