// The laws of replicas can be broken: each of them is broken on purpose, one at a time, and found.
// What is broken is a module, replaced before the world is loaded. Not here: migrations
// (mutations.test.ts), the laws (replica-run.ts, replica-laws.ts).

import { afterEach, describe, expect, test, vi } from 'vitest'
import { platform } from './platform.ts'
import type { Interval } from './replica-run.ts'

const hold = '#node-agent/replication/machine-hold.ts'
const protocol = '#node-agent/replication/protocol.ts'
const consoles = '#node-agent/console.ts'
const protection = '#coordinator/core/ha/protection.ts'

afterEach(() => {
  for (const path of [hold, protocol, consoles, protection]) vi.doUnmock(path)
  vi.resetModules()
})

/** The first message, from `from` on, at which the fault makes a mutant break a law. */
async function sweep(interval: Interval, fault: string, from: number, tries: number) {
  const { disturb } = await import('./replica-run.ts')
  const ours = await platform()
  for (let at = from; at < from + 3 * tries; at += 3) {
    const wrong = await disturb(ours, { seed: 1, interval, fault, at }).catch(String)
    if (wrong.length > 0) return String(wrong)
  }
  return undefined
}

const ranTwice = /ran on \w+ under epoch/

describe('found by the sweep', () => {
  test('the deadline of the primary is never set', { timeout: 240_000 }, async () => {
    vi.resetModules()
    vi.doMock(hold, async (load) => ({
      ...(await load<typeof import('#node-agent/replication/machine-hold.ts')>()),
      allow: async () => undefined,
    }))
    expect(await sweep('often', 'the sender falls mute', 60, 20)).toMatch(ranTwice)
  })

  test('the replica does not wait for the right of its primary', { timeout: 240_000 }, async () => {
    vi.resetModules()
    vi.doMock(protocol, async (load) => ({
      ...(await load<typeof import('#node-agent/replication/protocol.ts')>()),
      replicaMarginMs: -100_000,
    }))
    expect(await sweep('seldom', 'the sender falls mute', 60, 20)).toMatch(ranTwice)
  })

  test('a replica takes over whose primary was told to go on alone', {
    timeout: 240_000,
  }, async () => {
    vi.resetModules()
    vi.doMock(protection, async (load) => {
      const real = await load<typeof import('#coordinator/core/ha/protection.ts')>()
      const seeReplica: typeof real.seeReplica = (step, node, report) => {
        const vm = step.state.vms.get(report.vmId)
        const { replica } = vm ?? {}
        if (!vm || replica?.phase !== 'ending') return real.seeReplica(step, node, report)
        vm.replica = { ...replica, phase: 'ready' }
        const isOurs = real.seeReplica(step, node, report)
        if (vm.replica?.id === replica.id) vm.replica = replica
        return isOurs
      }
      return { ...real, seeReplica }
    })
    const { disturbLoss } = await import('./replica-run.ts')
    const about = { fault: 'the receiver falls mute', of: 'end-replication' } as const
    const wrong = await disturbLoss(await platform(), { seed: 1, interval: 'often', ...about })
    expect(String(wrong)).toMatch(ranTwice)
  })
})

describe('found by a law of its own', () => {
  test('what its guest writes on its console is not held', { timeout: 240_000 }, async () => {
    vi.resetModules()
    vi.doMock(consoles, async (load) => {
      const real = await load<typeof import('#node-agent/console.ts')>()
      class GuestConsole extends real.GuestConsole {
        override mark() {
          return { ...super.mark(), outputEnd: Number.POSITIVE_INFINITY }
        }
      }
      return { ...real, GuestConsole }
    })
    // Input that was not told to be taken is typed again, and then the answer is the same: the
    // sweep sees nothing of it.
    const { leaked } = await import('./replica-laws.ts')
    expect(String(await leaked(await platform(), 1))).toContain('heard to say')
  })

  test('that input was taken is not held', { timeout: 300_000 }, async () => {
    vi.resetModules()
    vi.doMock(consoles, async (load) => {
      const real = await load<typeof import('#node-agent/console.ts')>()
      class GuestConsole extends real.GuestConsole {
        override mark() {
          return { ...super.mark(), accepted: Number.POSITIVE_INFINITY }
        }
      }
      return { ...real, GuestConsole }
    })
    const { unanswered } = await import('./replica-laws.ts')
    expect(await unanswered(await platform(), 1)).not.toEqual([])
  })

  test('disk writes are written before their checkpoint is kept', {
    timeout: 300_000,
  }, async () => {
    vi.resetModules()
    vi.doMock(hold, async (load) => {
      const real = await load<typeof import('#node-agent/replication/machine-hold.ts')>()
      const takeHeld: typeof real.takeHeld = async (vmm, vm) => {
        const batch = await real.takeHeld(vmm, vm)
        await real.writeHeld(vmm, vm)
        return batch
      }
      return { ...real, takeHeld }
    })
    const { leaked } = await import('./replica-laws.ts')
    expect(String(await leaked(await platform(), 1))).toContain('a disk has')
  })
})
