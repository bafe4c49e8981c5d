// A node that waits for leave to shut down: it waits while its VMs are moved away, also through
// another coordinator, and never for ever.

import { expect, test } from 'vitest'
import { VirtualClock } from '#env/memory.ts'
import { Leaving } from '#node-agent/leaving.ts'

function waiting() {
  const clock = new VirtualClock(1000)
  const leaving = new Leaving(clock)
  let hasLeft = false
  void leaving.wait().then(() => {
    hasLeft = true
  })
  const after = async (ms: number) => {
    clock.advance(ms)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
    return hasLeft
  }
  return { leaving, after }
}

test('it goes when it may, and when nobody answers', async () => {
  const { leaving, after } = waiting()
  expect(leaving.isWanted).toBe(true)
  leaving.hear(true)
  expect(await after(0)).toBe(true)
  expect(leaving.isWanted).toBe(false)
  const unanswered = waiting()
  expect(await unanswered.after(999)).toBe(false)
  expect(await unanswered.after(1)).toBe(true)
})

test('it waits two minutes for VMs that are moved away, and no longer', async () => {
  const { leaving, after } = waiting()
  leaving.hear(false)
  expect(await after(119_999)).toBe(false)
  expect(await after(1)).toBe(true)
})

test('a coordinator that goes before it has answered is not waited for', async () => {
  const { leaving, after } = waiting()
  leaving.lost()
  expect(await after(0)).toBe(true)
})

test('while VMs are moved away the coordinator may come back, or another one', async () => {
  const { leaving, after } = waiting()
  leaving.hear(false)
  leaving.lost()
  expect(await after(7000)).toBe(false)
  leaving.asked()
  leaving.hear(false)
  expect(await after(60_000)).toBe(false)
  leaving.lost()
  expect(await after(8000)).toBe(true)
})
