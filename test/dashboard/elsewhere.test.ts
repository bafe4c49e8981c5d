// When the page's own coordinator is away: it waits a while, asks the others which of them leads,
// asks again until one does, and forgets all of it when its own is back.

import { expect, test } from 'vitest'
import { addressThere, isSameLogin, patienceMs, Seeker, seekEveryMs } from '#dashboard/elsewhere.ts'
import { VirtualClock } from '#env/memory.ts'
import type { CoordinatorPlace } from '#proto/coordinator-place.ts'

const c2 = { name: 'c2', address: 'http://127.0.0.1:7071' }
const c3 = { name: 'c3', address: 'http://lab.example:7070' }
const live = { is: 'live' } as const
const away = { is: 'away', sinceMs: 0 } as const

class Rig {
  readonly clock = new VirtualClock(0)
  readonly found: (string | undefined)[] = []
  readonly asked: string[] = []
  known: readonly CoordinatorPlace[] = [c2, c3]
  leader: string | undefined
  readonly seeker = new Seeker({
    places: async () => this.known,
    leads: async ({ name }) => {
      this.asked.push(name)
      return name === this.leader
    },
    after: (ms, fn) => this.clock.wakeAt(this.clock.nowMs() + ms, fn),
    found: (place) => this.found.push(place?.name),
  })

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms)
    for (let turns = 0; turns < 5; turns++) await Promise.resolve()
  }
}

test('a coordinator that is back in time costs nobody a question', async () => {
  const rig = new Rig()
  rig.seeker.hear(live)
  await rig.pass(0)
  rig.seeker.hear(away)
  await rig.pass(patienceMs - 1)
  rig.seeker.hear(live)
  await rig.pass(10 * patienceMs)
  expect(rig.asked).toEqual([])
})

test('one that leads is found, also when it is elected later', async () => {
  const rig = new Rig()
  rig.seeker.hear(live)
  await rig.pass(0)
  rig.seeker.hear(away)
  rig.seeker.hear(away)
  await rig.pass(patienceMs)
  expect([rig.asked, rig.found]).toEqual([['c2', 'c3'], [undefined]])
  rig.leader = 'c3'
  await rig.pass(seekEveryMs)
  expect(rig.found).toEqual([undefined, 'c3'])
  rig.seeker.hear(live)
  expect(rig.found.at(-1)).toBeUndefined()
  const times = rig.asked.length
  await rig.pass(10 * seekEveryMs)
  expect(rig.asked.length).toBe(times)
})

test('an answer that comes when its own is back counts for nothing', async () => {
  const rig = new Rig()
  rig.leader = 'c2'
  rig.seeker.hear(live)
  await rig.pass(0)
  rig.seeker.hear(away)
  rig.clock.advance(patienceMs)
  rig.seeker.hear(live)
  await rig.pass(0)
  expect(rig.found).toEqual([undefined])
})

test('a page keeps what it has open; a login goes along on the same host, and to no other', () => {
  expect(addressThere(c2, '#/vm/desk')).toBe('http://127.0.0.1:7071/#/vm/desk')
  const here = new URL('http://127.0.0.1:7070/')
  expect(isSameLogin(c2, here)).toBe(true)
  expect(isSameLogin(c3, here)).toBe(false)
  expect(isSameLogin({ ...c2, address: 'https://127.0.0.1:7071' }, here)).toBe(false)
})
