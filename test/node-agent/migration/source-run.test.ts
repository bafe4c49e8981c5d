// What a source leaves behind when it ends at an awkward moment. The other end, the pCPU and the
// link are scripted; how two real ends fare is told by two-ends.test.ts and process.test.ts.

import { describe, expect, test } from 'vitest'
import { MemoryLog, VirtualClock } from '#env/memory.ts'
import { sha256 } from '#env/real/digest.ts'
import { realZstd } from '#env/real/zstd.ts'
import { Forks } from '#node-agent/cloning/forks.ts'
import { GuestConsole } from '#node-agent/console.ts'
import { HeldVms } from '#node-agent/held-vms.ts'
import { newPace } from '#node-agent/migration/pace.ts'
import { SourceRun } from '#node-agent/migration/source-run.ts'
import type { Vmm } from '#node-agent/vmm.ts'
import { FaultError } from '#proto/faults.ts'
import { asMigrationId } from '#proto/ids.ts'
import type { DestinationMessage, Result, SourceMessage, Welcome } from '#proto/messages.ts'
import { encodeControl, type MessageLink } from '#proto/wire.ts'
import { vmOrder } from '../coordinator-double.ts'
import { planOf } from './two-ends.ts'

/** A destination that accepts everything, and is not listened to any further. */
function acceptingLink(): MessageLink {
  let hear: (bytes: Uint8Array) => void = () => undefined
  const { migrationId } = planOf('migrate')
  const answers: { readonly t: string }[] = [
    { t: 'welcome', protocolVersion: 1, clusterId: 'c', leaseMs: 1, heartbeatMs: 1 } as Welcome,
    { t: 'accept', migrationId } as DestinationMessage,
  ]
  return {
    peer: 'b',
    bufferedBytes: 0,
    send: () => {
      const answer = answers.shift()
      if (answer) queueMicrotask(() => hear(encodeControl(answer)))
    },
    drained: async () => undefined,
    onMessage: (fn) => {
      hear = fn
    },
    onClose: () => undefined,
    close: () => undefined,
  }
}

/** A run whose VM’s pages come as the test says, and what becomes of it. */
function bringing() {
  const vm = new HeldVms(64).becomeIncoming(
    vmOrder('vm1', 2, { memoryMib: 8 }),
    asMigrationId('m1'),
  )
  const whole = Promise.withResolvers<void>()
  const clock = new VirtualClock()
  const told: string[] = []
  const vmm = {
    whole: () => whole.promise,
    describe: async () => [],
    memoryOf: () => ({ forgetTracked: () => undefined, pageCount: 2048 }),
  } as unknown as Vmm
  const run = new SourceRun(planOf('migrate'), vm, {
    ...{ clock, log: new MemoryLog(), zstd: realZstd, digest: sha256, vmm },
    ...{ console: new GuestConsole(), nodePace: newPace(0, 0), forks: new Forks(vmm) },
    mipsBefore: () => undefined,
    connect: async () => {
      told.push('connects')
      return acceptingLink()
    },
    hello: () => ({ t: 'hello' }) as SourceMessage,
    goOn: async () => undefined,
    release: () => undefined,
    serving: () => undefined,
    leave: () => undefined,
    doubt: () => undefined,
    progress: ({ phase }) => told.push(phase),
    answer: ({ fault }) => told.push(fault?.code ?? 'done'),
    ended: () => told.push('ended'),
  })
  run.begin()
  return { run, whole, clock, told }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a VM that has not all of its pages yet', () => {
  test('brings them before anybody waits for it, and says that it lives', async () => {
    const { whole, clock, told } = bringing()
    for (let s = 0; s < 60; s++) clock.advance(1000)
    await turn()
    expect(new Set(told)).toEqual(new Set(['copying']))
    expect(told.length).toBeGreaterThan(50)
    whole.resolve()
    await turn()
    expect(told).toContain('connects')
    expect(told).not.toContain('timed-out')
  })

  test('may be told not to go meanwhile', async () => {
    const { run, whole, told } = bringing()
    run.feed({ on: 'cancel', fault: { code: 'cancelled', message: 'by the test' } })
    whole.resolve()
    await turn()
    expect(told).toEqual(['copying', 'cancelled', 'ended'])
  })

  test('and never gets them ends by name', async () => {
    const { whole, told } = bringing()
    whole.reject(new FaultError({ code: 'pages-lost', message: 'by the test' }))
    await turn()
    expect(told).toEqual(['copying', 'pages-lost', 'ended'])
  })
})

test('cancelled while its dirty log is being opened, it closes it: a VM has only four', async () => {
  const vm = new HeldVms(64).becomeIncoming(
    vmOrder('vm1', 2, { memoryMib: 8 }),
    asMigrationId('m1'),
  )
  const opened = Promise.withResolvers<number>()
  const asked = Promise.withResolvers<void>()
  const closed: number[] = []
  const results: Result[] = []
  const vmm = {
    whole: async () => undefined,
    describe: async () => [],
    openLog: () => {
      asked.resolve()
      return opened.promise
    },
    closeLog: async (_: unknown, log: number) => void closed.push(log),
    memoryOf: () => ({ forgetTracked: () => undefined, pageCount: 2048 }),
  }
  const run = new SourceRun(planOf('migrate'), vm, {
    ...{ clock: new VirtualClock(), log: new MemoryLog(), zstd: realZstd, digest: sha256 },
    ...{ vmm: vmm as unknown as Vmm, console: new GuestConsole(), nodePace: newPace(0, 0) },
    ...{ mipsBefore: () => undefined, forks: new Forks(vmm as unknown as Vmm) },
    connect: async () => acceptingLink(),
    hello: () => ({ t: 'hello' }) as SourceMessage,
    goOn: async () => undefined,
    release: () => undefined,
    serving: () => undefined,
    leave: () => undefined,
    doubt: () => undefined,
    progress: () => undefined,
    answer: (result) => results.push(result),
    ended: () => undefined,
  })
  run.begin()
  await asked.promise
  run.feed({ on: 'cancel', fault: { code: 'cancelled', message: 'by the test' } })
  expect(results).toMatchObject([{ fault: { code: 'cancelled' } }])
  opened.resolve(3)
  await opened.promise
  await Promise.resolve()
  expect(closed).toEqual([3])
})
