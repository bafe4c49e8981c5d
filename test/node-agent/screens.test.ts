// A screen that is watched at full rate while its VM moves between real agent processes: RAM is
// equal at both ends, no change is lost to anybody who watches, and what is typed arrives once.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { asEpoch, asVmId } from '#proto/ids.ts'
import { pagesOfScreen } from '#proto/screen-frame.ts'
import { pointEvents } from '#proto/screen-input.ts'
import { type CoordinatorDouble, eventually, vmOrder } from './coordinator-double.ts'
import { Person } from './person.ts'
import { TwoAgents } from './two-agents.ts'

const screen = '400x300'
const pages = pagesOfScreen(400, 300)
let two: TwoAgents
let coordinator: CoordinatorDouble
let person: Person

beforeEach(async () => {
  two = await TwoAgents.start()
  coordinator = two.coordinator
  const spec = { args: 'workload=desktop', memoryMib: 16, screen }
  await coordinator.command('a', { t: 'start', ...vmOrder('vm1', 1, spec) })
  coordinator.listen('a', 'vm1', 1)
  await eventually('a desktop', () => two.printed.includes('ready'))
  person = new Person(coordinator, 'vm1', screen)
  person.owner('a', 1)
})

afterEach(() => two.end())

const hearing = <T>(what: string, look: () => T | undefined | false) =>
  eventually(what, () => {
    person.hear()
    return look()
  })

/** What the guest says it was given. */
async function ask(node: string, epoch: number, request: string): Promise<string> {
  const before = two.printed.length
  coordinator.type(node, 'vm1', epoch, `q1 ${request}\n`)
  return await hearing(`an answer to ${request}`, () =>
    /q1 (.*)\n/.exec(two.printed.slice(before))?.at(1),
  )
}

/** Stands still, so that what is on the screen is one thing. */
const pause = (node: string, epoch: number) =>
  coordinator.command(node, { t: 'pause', vmId: asVmId('vm1'), epoch: asEpoch(epoch) })

describe('a watched screen', () => {
  test('survives a migration: equal RAM, no change lost, every key once and in order', async () => {
    const quick = person.watch()
    const lazy = person.watch(() => Math.random() < 0.3)
    await hearing('the whole screen', () => quick.pages >= pages)
    const command = two.migrate({ verify: 'full', downtimeMsMax: 200 })
    let typed = ''
    for (let n = 0; !coordinator.resultOf(command); n++) {
      const letter = 'qwertasdfg'[n % 10] ?? ''
      person.type(letter)
      person.act(...pointEvents((n % 97) / 97, (n % 89) / 89))
      typed += letter
      person.hear()
      await new Promise((resolve) => setTimeout(resolve, 4))
    }
    const { fault, record } = coordinator.resultOf(command) ?? {}
    expect([fault, record?.hash]).toEqual([undefined, expect.stringMatching(/^[0-9a-f]{16}$/)])
    person.owner('b', 2)
    coordinator.listen('b', 'vm1', 2)
    person.type('the rest')
    typed += 'the rest'
    const { length } = typed
    const told = async () => Number((await ask('b', 2, 'text')).split(' ')[1])
    await expect.poll(told, { timeout: 60_000 }).toBeGreaterThanOrEqual(length)
    const text = []
    for (let from = 0; from < typed.length; from += 120)
      text.push((await ask('b', 2, `text ${from}`)).split(' ')[4])
    expect(decodeURIComponent(text.join(''))).toBe(typed)
    expect(await ask('b', 2, 'stats')).toMatch(/ bad=0$/)
    await pause('b', 2)
    const fresh = person.watch()
    await hearing('a fresh picture', () => fresh.pages >= pages)
    await hearing('the same for all', () => Buffer.compare(quick.rgba, fresh.rgba) === 0)
    expect(quick.headers).toEqual([1, 2])
    expect(lazy.frames).toBeGreaterThan(0)
  })

  test('a watcher that shows nothing gets one frame, and later all that it has missed', async () => {
    let isQuick = false
    const slow = person.watch(() => isQuick)
    const quick = person.watch()
    await hearing('the whole screen', () => quick.pages >= pages)
    for (const letter of 'asdfqwer') {
      person.type(letter)
      const { frames } = quick
      await hearing('its frame', () => quick.frames > frames)
    }
    expect(slow.frames).toBe(1)
    isQuick = true
    person.stream.hear(slow.watcher, Uint8Array.of(1, 1, 0, 0, 0))
    await pause('a', 1)
    await hearing('the same', () => Buffer.compare(slow.rgba, quick.rgba) === 0)
    expect(slow.frames).toBeLessThan(quick.frames)
  })

  test('nobody watches: no frame is sent, and the log is given back', async () => {
    const one = person.watch()
    await hearing('the whole screen', () => one.pages >= pages)
    person.stream.detach(one.watcher)
    const frames = () => coordinator.heard.filter(({ t }) => t === 'screen-frame').length
    await new Promise((resolve) => setTimeout(resolve, 200))
    const before = frames()
    // Each time one is opened and closed again: there are four in all.
    for (let n = 0; n < 6; n++) {
      const another = person.watch()
      await hearing('the whole screen', () => another.pages >= pages)
      person.stream.detach(another.watcher)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(frames()).toBeGreaterThan(before)
    const after = frames()
    await new Promise((resolve) => setTimeout(resolve, 1200)) // The clock has drawn a second.
    expect(frames()).toBe(after)
  })
})
