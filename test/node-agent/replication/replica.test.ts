// The replica of a VM: what it keeps, when it may run it, and that whatever comes over its link it
// ends with a named fault at most, and loses nothing of what it has kept.

import { describe, expect, test } from 'vitest'
import { fault } from '#proto/faults.ts'
import { asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import type { SourceMessage } from '#proto/messages.ts'
import { encodePageFrame } from '#proto/page-frame.ts'
import { diskPartBytesMax } from '#proto/replica-messages.ts'
import { pageBytes } from '#proto/units.ts'
import { bytes, Ends, faultOfPromise } from './ends.ts'

const migrationId = asMigrationId('r1')
const epoch = asEpoch(2)
const refused = (ends: Ends) => ends.spoken.includes('> abort')

/** A page frame as the replica gets it: its kind byte removed. */
function frame({ round = 2, frameNumber = 0, vmId = 'vm1', of = 1, page = 3, value = 9 } = {}) {
  const pages = Uint32Array.of(page)
  const content = new Uint8Array(pageBytes).fill(value)
  const other = new Ends().here
  other.write(page, value)
  const contentSum = other.memory.contentSum(pages)
  const names = { vmId: asVmId(vmId), epoch: asEpoch(of), round, frameNumber }
  return encodePageFrame({ ...names, encoding: 'raw', pages, contentSum, bytes: content }).slice(1)
}

const checkpoint = (more = {}): SourceMessage => ({
  ...{ t: 'checkpoint', migrationId, round: 2, frames: 0, diskBytes: 0, sections: [] },
  ...{ hash: '0'.repeat(16), agoMs: 0 },
  ...more,
})

/** One with a checkpoint, whose primary says nothing more by itself. */
async function silent(): Promise<Ends> {
  const ends = new Ends({ everyMs: 3_600_000 })
  ends.here.write(3, 7)
  ends.primary.begin()
  await ends.settle()
  ends.here.did.length = 0
  return ends
}

describe('it takes over', () => {
  test('with the RAM, CPU, console and disk writes of the last checkpoint it said that it keeps', async () => {
    const ends = await Ends.kept()
    ends.here.write(5, 42)
    ends.here.held = 'kept'
    ends.console.push(0, bytes('said'))
    ends.console.accepted = 11
    await ends.pass(100)
    ends.here.write(5, 43)
    ends.here.held = ' not kept'
    ends.link?.close('cut')
    const took = ends.replica?.takeOver(epoch)
    await ends.pass(1000)
    expect(await took).toMatchObject({ checkpoint: 2, lostMs: 0 })
    const page = new Uint8Array(pageBytes)
    ends.there.memory.readPage(5, page)
    expect([page[0], ends.there.cpu]).toEqual([42, 42])
    expect(ends.there.disk).toBe('kept')
    expect(ends.there.did).toEqual(['restore', 'disk @2', 'apply-batch', 'resume'])
    expect(ends.copyConsole).toMatchObject({ accepted: 11 })
    expect(ends.copyConsole.since(0).offset + ends.copyConsole.since(0).bytes.length).toBe(4)
  })

  test('no sooner than the right of its primary has ended, which it moves on no more', async () => {
    const ends = await Ends.kept()
    await ends.pass(450)
    const rightUntilMs = ends.vm.mayRunUntilMs
    const took = ends.replica?.takeOver(epoch)
    for (let ms = 0; ms < 2000 && !ends.there.runs; ms += 10) await ends.pass(10)
    expect(ends.vm.mayRunUntilMs).toBe(rightUntilMs)
    expect(ends.clock.nowMs()).toBeGreaterThanOrEqual(rightUntilMs + 100)
    await took
    expect(ends.vm.replica?.state).toBe('lost')
  })

  test('of level checkpoint: the coordinator has waited already', async () => {
    const ends = await Ends.kept({ continuous: false })
    const took = ends.replica?.takeOver(epoch)
    await ends.settle()
    expect(ends.there.runs).toBe(true)
    await took
  })

  test('not without a checkpoint, nor where its node may not run it', async () => {
    const young = new Ends()
    young.mute.add('round-applied')
    young.primary.begin()
    await young.settle()
    expect(await faultOfPromise(young.replica?.takeOver(epoch) ?? Promise.resolve())).toMatchObject(
      { code: 'wrong-state' },
    )
    const ends = await Ends.kept()
    ends.mayLaunch = fault('lease-lost', 'no lease')
    const took = faultOfPromise(ends.replica?.takeOver(epoch) ?? Promise.resolve())
    await ends.pass(1000)
    expect(await took).toMatchObject({ code: 'lease-lost' })
    expect(ends.there.runs).toBe(false)
    expect(ends.there.disk).toBe('')
  })

  test('not when what is in the machine is not what was hashed', async () => {
    const ends = await Ends.kept()
    ends.there.memory.store(Uint32Array.of(9), new Uint8Array(pageBytes).fill(1))
    const took = faultOfPromise(ends.replica?.takeOver(epoch) ?? Promise.resolve())
    await ends.pass(1000)
    expect(await took).toMatchObject({ code: 'hash-mismatch' })
    expect(ends.there.runs).toBe(false)
  })

  test('what comes meanwhile is not taken', async () => {
    const ends = await silent()
    const took = ends.replica?.takeOver(epoch)
    ends.replica?.receive(frame())
    ends.replica?.hear(checkpoint({ frames: 1 }))
    await ends.pass(20_000_000)
    expect(await took).toMatchObject({ checkpoint: 1 })
  })
})

const bad: readonly (readonly [string, string, (ends: Ends) => void])[] = [
  ['a checkpoint of another number', 'silent', (e) => e.replica?.hear(checkpoint({ round: 7 }))],
  ['missing frames', 'silent', (e) => e.replica?.hear(checkpoint({ frames: 1 }))],
  ['missing disk writes', 'silent', (e) => e.replica?.hear(checkpoint({ diskBytes: 1 }))],
  [
    'a round behind the first checkpoint',
    'silent',
    (e) => e.replica?.hear({ t: 'round-end', migrationId, round: 2, frames: 0 }),
  ],
  [
    'a word of a migration',
    'silent',
    (e) => e.replica?.hear({ t: 'run', migrationId, nextEpoch: epoch } as never),
  ],
  [
    'more pages than a VM can have',
    'silent',
    (e) => {
      const much = new Uint8Array(1 << 20)
      for (let i = 0; i < 9; i++) e.replica?.receive(much)
    },
  ],
  [
    'more frames than it has pages',
    'silent',
    (e) => {
      for (let i = 0; i < 1100; i++) e.replica?.receive(new Uint8Array(1))
    },
  ],
  [
    'more disk writes than a primary holds',
    'silent',
    (e) => {
      const part = new Uint8Array(diskPartBytesMax)
      for (let i = 0; i < 321; i++) e.replica?.hear({ t: 'disk-part', migrationId, bytes: part })
    },
  ],
  [
    'disk writes in ever so many pieces',
    'silent',
    (e) => {
      const part = new Uint8Array(0)
      for (let i = 0; i < 400; i++) e.replica?.hear({ t: 'disk-part', migrationId, bytes: part })
    },
  ],
  // From here on its RAM is half of one checkpoint and half of another.
  ['a wrong hash', 'lost', (e) => e.replica?.hear(checkpoint())],
  ...(['vmId', 'of', 'round', 'frameNumber'] as const).map(
    (what) =>
      [
        `a frame with another ${what}`,
        'lost',
        (e: Ends) => {
          e.replica?.receive(frame({ [what]: what === 'vmId' ? 'vm2' : 5 }))
          e.replica?.hear(checkpoint({ frames: 1 }))
        },
      ] as const,
  ),
  [
    'bytes that are no frame',
    'lost',
    (e) => {
      e.replica?.receive(bytes('nothing of this kind'))
      e.replica?.hear(checkpoint({ frames: 1 }))
    },
  ],
]

describe('hostile bytes: refused with a name, and what is kept is kept', () => {
  test.each(bad)('%s', async (_, state, act) => {
    const ends = await silent()
    act(ends)
    await ends.settle()
    expect(refused(ends)).toBe(true)
    expect(ends.copy.replica?.state).toBe(state)
    expect(ends.closed).toBeDefined()
    const took = faultOfPromise(ends.replica?.takeOver(epoch) ?? Promise.resolve())
    await ends.pass(20_000_000)
    const isOf = state === 'silent' ? 'internal' : /hash-mismatch|bad-frame/
    expect((await took).code).toMatch(isOf)
    expect(ends.there.runs).toBe(state === 'silent')
  })

  test('what is refused once is refused for good: nothing more is heard', async () => {
    const ends = await silent()
    ends.replica?.hear(checkpoint({ round: 7 }))
    const before = ends.spoken.length
    ends.replica?.receive(frame())
    ends.replica?.hear(checkpoint())
    expect(ends.spoken.length).toBe(before)
  })
})

test('a primary that is silent is told of once, and what is kept is there', async () => {
  const ends = await Ends.kept()
  ends.link?.close('cut')
  await ends.settle()
  expect(ends.copy.replica).toMatchObject({ id: 'r1', state: 'silent', checkpoints: 1 })
})
