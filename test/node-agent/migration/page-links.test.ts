// Several links as one for pages: a frame goes where least waits, and who waits for room waits for
// the sum of all.

import { expect, test } from 'vitest'
import { type PageLink, PageLinks } from '#node-agent/migration/page-links.ts'

/** A link that takes what it is told to. */
class Lane implements PageLink {
  bufferedBytes = 0
  sent = 0
  #waiters: { readonly below: number; readonly resolve: () => void }[] = []

  send(bytes: Uint8Array): void {
    this.sent += bytes.length
    this.bufferedBytes += bytes.length
  }

  take(bytes: number): void {
    this.bufferedBytes = Math.max(0, this.bufferedBytes - bytes)
    const ready = this.#waiters.filter(({ below }) => this.bufferedBytes <= below)
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter))
    for (const { resolve } of ready) resolve()
  }

  drained(below: number): Promise<void> {
    if (this.bufferedBytes <= below) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ below, resolve }))
  }
}

function three() {
  const lanes = [new Lane(), new Lane(), new Lane()] as const
  const links = new PageLinks(lanes[0])
  links.add(lanes[1])
  links.add(lanes[2])
  return { lanes, links }
}

const frame = (bytes = 10) => new Uint8Array(bytes)
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('where nothing waits they take turns', () => {
  const { lanes, links } = three()
  for (let n = 0; n < 9; n++) {
    links.send(frame())
    for (const lane of lanes) lane.take(100)
  }
  expect(lanes.map(({ sent }) => sent)).toEqual([30, 30, 30])
})

test('one that is stuck gets no more, and the others go on', () => {
  const { lanes, links } = three()
  for (let n = 0; n < 30; n++) {
    links.send(frame())
    lanes[1].take(100)
    lanes[2].take(100)
  }
  expect(lanes[0].sent).toBe(10)
  expect(links.bufferedBytes).toBe(10)
})

test('room is there when all of them together hold no more than that', async () => {
  const { lanes, links } = three()
  for (let n = 0; n < 9; n++) links.send(frame())
  let isThere = false
  void links.drained(30).then(() => {
    isThere = true
  })
  lanes[0].take(30)
  await turn()
  expect(isThere).toBe(false)
  lanes[2].take(20)
  await turn()
  expect(isThere).toBe(false)
  lanes[2].take(10)
  await turn()
  expect(isThere).toBe(true)
})

test('who waits for links that have ended waits no longer', async () => {
  const { lanes, links } = three()
  for (let n = 0; n < 9; n++) links.send(frame())
  const drained = links.drained(0)
  links.closed()
  lanes[1].take(30)
  await expect(drained).resolves.toBeUndefined()
})
