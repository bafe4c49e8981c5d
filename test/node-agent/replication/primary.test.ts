// The primary of a VM with a replica: what it lets out and when, until when it may run, and that
// whatever happens to the other end, or to its disk, it ends without a loss that was not named.

import { describe, expect, test } from 'vitest'
import { fault } from '#proto/faults.ts'
import { asMigrationId } from '#proto/ids.ts'
import type { DestinationMessage } from '#proto/messages.ts'
import { bytes, Ends } from './ends.ts'

const migrationId = asMigrationId('r1')
const deadlines = (ends: Ends) => ends.here.did.filter((what) => what.startsWith('allow'))

describe('a checkpoint that is kept', () => {
  test('lets it run on, then is on the disk, then is told to the world', async () => {
    const ends = await Ends.kept()
    ends.here.held = 'new'
    ends.say('hello')
    ends.here.did.length = 0
    ends.left.length = 0
    await ends.pass(100)
    expect(ends.here.did).toEqual(['take-held', 'resume', 'allow 1500', 'write-held'])
    expect(ends.left).toEqual(['says hello', 'accepted 0', '1 frames'])
    expect(ends.here.disk).toBe('new')
  })

  test('gives the right to run from when it began, however late its answer', async () => {
    const ends = await Ends.kept()
    expect(ends.vm.mayRunUntilMs).toBe(1000 + 400)
    ends.mute.add('checkpoint-kept')
    await ends.pass(300)
    expect(ends.vm.mayRunUntilMs).toBe(1400)
    ends.link?.send({ t: 'checkpoint-kept', migrationId, round: 2 })
    await ends.settle()
    expect(ends.vm.mayRunUntilMs).toBe(1100 + 400)
  })

  test('of level checkpoint: says at once what it says, and lives by the lease of its node', async () => {
    const ends = await Ends.kept({ continuous: false })
    ends.here.held = 'new'
    ends.console.push(0, bytes('hello'))
    expect(ends.console.next()).toBeDefined()
    expect(ends.primary.holdFrames({ frames: [bytes('x')], lost: 0 })).toBe(false)
    expect(deadlines(ends)).toEqual([])
    expect(ends.here.disk).toBe('')
    await ends.pass(100)
    expect(ends.here.disk).toBe('new')
  })

  test('of a VM without a disk writes nothing', async () => {
    const ends = await Ends.kept()
    await ends.pass(1000)
    expect(ends.here.did).not.toContain('write-held')
    expect(ends.vm.replica?.checkpoints).toBeGreaterThan(9)
  })

  test('is waited for from when its disk writes have left, however slow the link is', async () => {
    const ends = new Ends()
    ends.throughRate(5000)
    ends.primary.begin()
    await ends.pass(100)
    ends.here.held = 'w'.repeat(20 << 20)
    await ends.pass(6000)
    expect(ends.vm.replica?.state).toBe('kept')
    expect(ends.here.disk).toHaveLength(20 << 20)
  })

  test('is given up when its disk writes do not leave', async () => {
    const ends = new Ends()
    ends.throughRate(5000)
    ends.primary.begin()
    await ends.pass(100)
    ends.throughRate(0)
    ends.here.held = 'w'.repeat(20 << 20)
    await ends.pass(3000)
    expect(ends.vm.replica?.state).toBe('lost')
  })

  test('is given up when its pages do not leave', async () => {
    const ends = new Ends()
    ends.throughRate(5000)
    ends.primary.begin()
    await ends.pass(100)
    ends.throughRate(0)
    for (let page = 0; page < 1024; page++) ends.here.write(page, page)
    await ends.pass(3000)
    expect(ends.vm.replica?.state).toBe('lost')
  })

  test('is followed by another at once when much has been written meanwhile', async () => {
    const ends = await Ends.kept({ everyMs: 60_000 })
    ends.primary.hurry()
    await ends.settle()
    expect(ends.vm.replica?.checkpoints).toBe(2)
    // Also when that is told while another is on its way.
    ends.mute.add('checkpoint-kept')
    ends.primary.hurry()
    await ends.settle()
    ends.primary.hurry()
    ends.mute.clear()
    ends.link?.send({ t: 'checkpoint-kept', migrationId, round: 3 })
    await ends.settle()
    expect(ends.vm.replica?.checkpoints).toBe(4)
  })

  test('of a VM that is paused leaves it so, and its machine takes what is typed', async () => {
    const ends = await Ends.kept()
    ends.vm.state = 'paused'
    ends.here.runs = false
    await ends.pass(100)
    expect(ends.here.runs).toBe(false)
    expect(ends.console.admit(0, bytes('x'))).toBeDefined()
  })

  test('stands still alone: who wants to pause it waits until it goes on', async () => {
    const ends = await Ends.kept()
    const { promise, resolve } = Promise.withResolvers<void>()
    ends.here.wait = { what: 'capture', until: promise }
    expect(ends.primary.standing).toBeUndefined()
    await ends.pass(100)
    const { standing } = ends.primary
    expect(standing).toBeDefined()
    let wasRunning: boolean | undefined
    const paused = standing?.then(() => {
      wasRunning = ends.here.runs
    })
    resolve()
    await ends.settle()
    await paused
    expect(wasRunning).toBe(true)
    expect(ends.primary.standing).toBeUndefined()
  })
})

describe('what is not kept', () => {
  test('stays here, and the VM stands still at its deadline; the coordinator hears of it', async () => {
    const ends = await Ends.kept()
    ends.left.length = 0
    ends.mute.add('checkpoint-kept')
    ends.here.held = 'new'
    ends.say('unheard of')
    ends.console.accepted = 7
    await ends.pass(5000)
    expect(ends.left).toEqual([])
    expect(ends.here.disk).toBe('')
    expect(ends.vm.mayRunUntilMs).toBe(1400)
    expect(ends.vm.replica?.state).toBe('lost')
  })

  test('is let out when the coordinator says that the replica counts no more', async () => {
    const ends = await Ends.kept()
    ends.left.length = 0
    ends.mute.add('checkpoint-kept')
    ends.here.held = 'new'
    ends.say('late')
    ends.console.accepted = 7
    await ends.pass(5000)
    await ends.primary.end()
    expect(ends.here.disk).toBe('new')
    expect(ends.left).toEqual(['says late', 'accepted 7', '1 frames'])
    expect(ends.vm).toMatchObject({ mayRunUntilMs: Number.POSITIVE_INFINITY, replica: undefined })
    expect(ends.here.did).toContain('close-log')
  })

  test.each([0, 1])('nobody hears of it when the disk does not take it (%i kept)', async (kept) => {
    const ends = kept ? await Ends.kept() : new Ends()
    if (!kept) {
      ends.mute.add('checkpoint-kept')
      ends.primary.begin()
      await ends.settle()
    }
    ends.left.length = 0
    ends.mute.add('checkpoint-kept')
    ends.here.diskFails = true
    ends.here.held = 'new'
    ends.say('it is on the disk')
    await ends.pass(100)
    await ends.primary.end()
    await ends.settle()
    expect(ends.left).toEqual(['the disk has failed'])
    expect(ends.diskFault?.message).toContain('the disk is full')
  })

  test('nor when it is kept and the disk does not take it', async () => {
    const ends = await Ends.kept()
    ends.left.length = 0
    ends.here.diskFails = true
    ends.here.held = 'new'
    ends.say('it is on the disk')
    await ends.pass(100)
    expect(ends.vm.replica?.state).toBe('lost')
    expect(ends.left).toEqual([])
    await ends.primary.end()
    expect(ends.left).toEqual(['the disk has failed'])
  })
})

describe('the end of it', () => {
  const stages = ['hello', 'replica-offer', 'round-end', 'checkpoint']

  test.each(stages)('a link that closes at %s is a loss that is told, and ends', async (stage) => {
    const ends = new Ends()
    const answers: Record<string, string> = {
      ...{ hello: 'welcome', 'replica-offer': 'accept' },
      ...{ 'round-end': 'round-applied', checkpoint: 'checkpoint-kept' },
    }
    ends.mute.add(answers[stage] ?? '')
    ends.primary.begin()
    await ends.settle()
    expect(ends.spoken.at(-1)).toBe(stage)
    ends.link?.close('cut')
    await ends.settle()
    expect(ends.vm.replica?.state).toBe('lost')
    await ends.primary.end()
    expect(ends.vm.replica).toBeUndefined()
    expect(ends.vm.mayRunUntilMs).toBe(Number.POSITIVE_INFINITY)
  })

  test('a link that comes when it is over is closed', async () => {
    const ends = new Ends()
    const { promise, resolve } = Promise.withResolvers<void>()
    ends.connecting = promise
    ends.primary.begin()
    await ends.settle()
    const over = ends.primary.end()
    resolve()
    await over
    await ends.settle()
    expect(ends.spoken).toEqual([])
    expect(ends.closed).toBeDefined()
  })

  test('does not wait for the next checkpoint, wherever this one is', async () => {
    const ends = await Ends.kept({ everyMs: 3_600_000 })
    const { promise, resolve } = Promise.withResolvers<void>()
    ends.here.wait = { what: 'write-held', until: promise }
    ends.here.held = 'new'
    ends.primary.hurry()
    await ends.settle()
    let isOver = false
    const over = ends.primary.end().then(() => {
      isOver = true
    })
    resolve()
    await ends.settle()
    expect(isOver).toBe(true)
    await over
  })

  test('asked for twice, it ends once', async () => {
    const ends = await Ends.kept()
    await Promise.all([ends.primary.end(), ends.primary.end()])
    expect(ends.here.did.filter((what) => what === 'release-disk')).toHaveLength(1)
  })

  test('a guest that ends is told of when its replica counts no more', async () => {
    const ends = await Ends.kept()
    ends.here.held = 'last words'
    ends.primary.guestEnded(() => ends.left.push('it has shut down'))
    await ends.settle()
    expect(ends.vm.replica?.state).toBe('lost')
    expect(ends.left).not.toContain('it has shut down')
    await ends.primary.end()
    expect(ends.here.disk).toBe('last words')
    expect(ends.left.at(-1)).toBe('it has shut down')
  })

  test('of a VM that is not ours any more: what is held is nobody’s', async () => {
    const ends = await Ends.kept()
    ends.left.length = 0
    ends.here.held = 'new'
    ends.say('stale')
    ends.here.isGone = true
    ends.primary.abandon()
    await ends.pass(1000)
    expect([ends.left, ends.here.disk]).toEqual([[], ''])
  })
})

describe('a node that shuts down', () => {
  test('takes one last checkpoint, behind which the VM stands still', async () => {
    const ends = await Ends.kept({ everyMs: 60_000, continuous: false })
    ends.here.write(3, 7)
    ends.here.held = 'last'
    await ends.primary.finish()
    expect(ends.vm.replica?.checkpoints).toBe(2)
    expect(ends.here.runs).toBe(false)
    expect(ends.here.disk).toBe('last')
  })

  test('writes what is held of one that nobody can take over', async () => {
    const ends = new Ends({ continuous: false })
    ends.mute.add('checkpoint-kept')
    ends.primary.begin()
    await ends.settle()
    ends.here.held = 'flushed'
    await ends.primary.finish()
    expect(ends.here.disk).toBe('flushed')
  })

  test('waits a moment for the coordinator’s word about one that is lost, and no longer', async () => {
    const ends = await Ends.kept()
    ends.link?.close('cut')
    await ends.settle()
    ends.here.held = 'flushed'
    let isFinished = false
    const finished = ends.primary.finish().then(() => {
      isFinished = true
    })
    await ends.pass(500)
    expect(isFinished).toBe(false)
    await ends.primary.end()
    await ends.pass(100)
    await finished
    expect(ends.here.disk).toBe('flushed')
    const other = await Ends.kept()
    other.link?.close('cut')
    await other.settle()
    const given = other.primary.finish()
    await other.pass(3000)
    await given
    expect(other.here.disk).toBe('')
  })
})

describe('a replica’s node that talks nonsense is lost, with a name', () => {
  const nonsense: readonly (readonly [string, DestinationMessage])[] = [
    ['a checkpoint that is not due', { t: 'checkpoint-kept', migrationId, round: 9 }],
    ['an answer to nothing', { t: 'round-applied', migrationId, round: 0 }],
    ['a word of another conversation', { t: 'prepared', migrationId, hash: '0'.repeat(16) }],
    ['an end', { t: 'abort', migrationId, fault: fault('internal', 'no') }],
  ]
  test.each(nonsense)('%s', async (_, message) => {
    const ends = await Ends.kept()
    ends.mute.add('checkpoint-kept')
    await ends.pass(100)
    ends.left.length = 0
    ends.say('secret')
    ends.link?.send(message)
    await ends.settle()
    expect(ends.vm.replica?.state).toBe('lost')
    expect(ends.left).toEqual([])
    expect(ends.vm.mayRunUntilMs).toBe(1400)
  })
})
