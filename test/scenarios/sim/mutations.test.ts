// The search can fail: protocols that are broken on purpose, one at a time, are found within a few
// seeds. What is broken is a module, replaced before the world is loaded. Each search begins
// shortly before the seed that found it last; docs/simulation.md has how many it takes otherwise.

import { afterEach, expect, test, vi } from 'vitest'
import type { Step } from '#coordinator/core/step-context.ts'
import type { Txn } from '#coordinator/etcd/etcd-words.ts'
import type { Epoch, VmId } from '#proto/ids.ts'
import { platform } from './platform.ts'

const seedsMax = 600

afterEach(() => {
  vi.doUnmock('#node-agent/migration/source-end.ts')
  vi.doUnmock('#coordinator/core/agent-news.ts')
  vi.doUnmock('#coordinator/core/reports.ts')
  vi.doUnmock('#coordinator/core/disk-sweep.ts')
  vi.doUnmock('#coordinator/core/membership.ts')
  vi.doUnmock('#coordinator/core/step.ts')
  vi.doUnmock('#coordinator/etcd/leadership.ts')
  vi.doUnmock('#coordinator/etcd/etcd-words.ts')
  vi.doUnmock('#node-agent/lease.ts')
  vi.doUnmock('#node-agent/desk.ts')
  vi.doUnmock('#node-agent/console.ts')
  vi.doUnmock('#node-agent/snapshots/store-files.ts')
  vi.doUnmock('#node-agent/snapshots/snapshot-store.ts')
  vi.doUnmock('#engine/devices/disk-layer.ts')
  vi.doUnmock('#proto/units.ts')
  vi.resetModules()
})

/** The first seed, from this one on and with such clocks, under which the mutant breaks a law. */
async function foundAt({
  driftLeast = 0,
  from = 1,
  withModels = false,
} = {}): Promise<{ seed: number; why: string } | undefined> {
  const { planOfSeed, runSeed } = await import('#scenarios/sim/search.ts')
  const { modelVms, realGuests } = await import('#scenarios/sim/search-subject.ts')
  const ours = await platform()
  const subject = withModels ? modelVms(ours.turns) : realGuests(ours)
  for (let seed = from; seed < from + seedsMax; seed++) {
    if (planOfSeed(seed).driftMost < driftLeast) continue
    // An invariant that throws has found it too.
    const wrong = await runSeed(subject, seed).then(
      ({ outcome }) => outcome.wrong,
      (thrown) => [String(thrown)],
    )
    if (wrong[0] !== undefined) return { seed, why: wrong[0] }
  }
  return undefined
}

async function sourceResumes(): Promise<void> {
  vi.resetModules()
  vi.doMock('#node-agent/migration/source-end.ts', async (load) => {
    const real = await load<typeof import('#node-agent/migration/source-end.ts')>()
    const giveUp: typeof real.giveUp = (state, value, nowMs, vmIsGone) => {
      if (state.phase !== 'released') return real.giveUp(state, value, nowMs, vmIsGone)
      state.phase = 'ended'
      return [{ do: 'resume' }, { do: 'end', reason: 'mutant' }]
    }
    return { ...real, giveUp }
  })
}

test('a source that resumes after it has released the VM', { timeout: 240_000 }, async () => {
  await sourceResumes()
  expect(await foundAt({ from: 81 })).toBeDefined()
})

test('the same, by the search whose VMs are models', { timeout: 240_000 }, async () => {
  await sourceResumes()
  expect(await foundAt({ withModels: true, from: 145 })).toBeDefined()
})

test('layers that are never swept', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#coordinator/core/disk-sweep.ts', async (load) => {
    const real = await load<typeof import('#coordinator/core/disk-sweep.ts')>()
    const sweepLayers: typeof real.sweepLayers = ({ state }) => {
      state.sweepAtMs = Number.POSITIVE_INFINITY
    }
    return { ...real, sweepLayers }
  })
  expect((await foundAt({ from: 12 }))?.why).toContain('layers')
})

test('a lease without a margin, by clocks that drift', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#proto/units.ts', async (load) => {
    const real = await load<typeof import('#proto/units.ts')>()
    return { ...real, leaseMarginMs: 0 }
  })
  expect((await foundAt({ driftLeast: 0.01, from: 815 }))?.why).toContain('epoch')
})

test('a lease that counts from when it was granted', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#node-agent/lease.ts', async (load) => {
    const real = await load<typeof import('#node-agent/lease.ts')>()
    const stepLease: typeof real.stepLease = (state, input) => {
      const { nowMs: atMs } = input
      if (input.on === 'acknowledged') state.sent.splice(0, Infinity, { seq: input.seq, atMs })
      return real.stepLease(state, input)
    }
    return { ...real, stepLease }
  })
  const found = await foundAt({ withModels: true, from: 5_000_555 })
  expect(found?.why).toMatch(/while it ran on|under epoch/)
})

test('a process that was replaced, and may come back', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#coordinator/core/membership.ts', async (load) => {
    const real = await load<typeof import('#coordinator/core/membership.ts')>()
    const seeHello: typeof real.seeHello = (step, linkId, hello) => {
      const known = step.state.nodes.get(hello.nodeId)
      if (known) known.displaced = []
      real.seeHello(step, linkId, hello)
    }
    return { ...real, seeHello }
  })
  expect(await foundAt({ withModels: true, from: 5_000_000 })).toBeDefined()
})

test('a coordinator that sends before it remembers', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#coordinator/core/step.ts', async (load) => {
    const real = await load<typeof import('#coordinator/core/step.ts')>()
    const step: typeof real.step = (...given) => {
      const effects = real.step(...given)
      const isKept = ({ kind }: { kind: string }) => kind === 'persist'
      return [...effects.filter((one) => !isKept(one)), ...effects.filter(isKept)]
    }
    return { ...real, step }
  })
  const found = await foundAt({ withModels: true, from: 5_900_490 })
  expect(found?.why).toMatch(/while it ran on|after it had run on/)
})

test('a leader whose right lasts longer than its lease', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#coordinator/etcd/leadership.ts', async (load) => {
    const real = await load<typeof import('#coordinator/etcd/leadership.ts')>()
    class Leadership extends real.Leadership {
      override extend(untilMs: number): void {
        super.extend(untilMs + 1000)
      }
    }
    return { ...real, Leadership }
  })
  const found = await foundAt({ withModels: true, from: 6_000_000 })
  expect(found?.why).toMatch(/was elected .* while|while it ran on/)
})

test('a leader whose writes count after it', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#coordinator/etcd/etcd-words.ts', async (load) => {
    const real = await load<typeof import('#coordinator/etcd/etcd-words.ts')>()
    const isStep = ({ guards, writes }: Txn) => writes.length > 0 && guards.length > 1
    const transact: typeof real.transact = (etcd, txn, timeoutMs) =>
      real.transact(etcd, isStep(txn) ? { ...txn, guards: [] } : txn, timeoutMs)
    return { ...real, transact }
  })
  expect(await foundAt({ withModels: true, from: 6_000_100 })).toBeDefined()
})

test('an agent that takes every order as of the present epoch', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#node-agent/desk.ts', async (load) => {
    const real = await load<typeof import('#node-agent/desk.ts')>()
    const stepDesk: typeof real.stepDesk = (state, input) => {
      if (input.on !== 'command' || !('vmId' in input.command)) return real.stepDesk(state, input)
      const held = state.vms.get(input.command.vmId)
      const command = held ? { ...input.command, epoch: held.epoch } : input.command
      return real.stepDesk(state, { ...input, command } as typeof input)
    }
    return { ...real, stepDesk }
  })
  const found = await foundAt({ withModels: true, from: 20_000_000 })
  expect(found?.why).toContain('obeyed a stale')
})

test('a store that gives a disk to who had it before', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#engine/devices/disk-layer.ts', async (load) => {
    const real = await load<typeof import('#engine/devices/disk-layer.ts')>()
    const openTop = real.DiskLayer.openTop.bind(real.DiskLayer)
    real.DiskLayer.openTop = (store, name, sizeBytes, epoch) => {
      try {
        return openTop(store, name, sizeBytes, epoch)
      } catch (thrown) {
        if (!(thrown instanceof real.DiskFencedError)) throw thrown
        return openTop(store, name, sizeBytes, Number.MAX_SAFE_INTEGER)
      }
    }
    return real
  })
  expect((await foundAt({ from: 21_000_018 }))?.why).toContain('to an older epoch')
})

test('a store whose snapshots are never made durable', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#node-agent/snapshots/store-files.ts', async (load) => {
    const real = await load<typeof import('#node-agent/snapshots/store-files.ts')>()
    const writeWhole: typeof real.writeWhole = ({ disk }, name, bytes) => {
      const file = disk.open(name, 'create')
      file.write(0, bytes)
      file.close()
    }
    return { ...real, writeWhole }
  })
  expect((await foundAt({ from: 21_000_000 }))?.why).toContain('cannot be read')
})

test('a disk whose flush makes nothing durable', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#engine/devices/disk-layer.ts', async (load) => {
    const real = await load<typeof import('#engine/devices/disk-layer.ts')>()
    real.DiskLayer.prototype.flush = () => undefined
    return real
  })
  expect((await foundAt({ from: 21_000_028 }))?.why).toContain('acknowledged')
})

test('a guest with a standby that is heard before its checkpoint is kept', {
  timeout: 240_000,
}, async () => {
  vi.resetModules()
  vi.doMock('#node-agent/console.ts', async (load) => {
    const real = await load<typeof import('#node-agent/console.ts')>()
    real.GuestConsole.prototype.hold = () => undefined
    return real
  })
  expect((await foundAt({ from: 22_000_000 }))?.why).toContain('acknowledged')
})

test('a snapshot that goes, and leaves nothing to its children', { timeout: 240_000 }, async () => {
  vi.resetModules()
  vi.doMock('#node-agent/snapshots/snapshot-store.ts', async (load) => {
    const real = await load<typeof import('#node-agent/snapshots/snapshot-store.ts')>()
    class SnapshotStore extends real.SnapshotStore {
      override async remove(vmId: string, name: string): Promise<undefined> {
        this.ports.disk.remove(`snap.${vmId}.${name}`)
      }
    }
    return { ...real, SnapshotStore }
  })
  expect((await foundAt({ from: 21_000_070 }))?.why).toContain('cannot be read')
})

test('a coordinator that takes every word of a node as of the present epoch', {
  timeout: 400_000,
}, async () => {
  vi.resetModules()
  type Said = { readonly vmId: VmId; readonly epoch: Epoch }
  const asOfNow = <T extends Said>({ state }: Step, said: T): T => ({
    ...said,
    epoch: state.vms.get(said.vmId)?.epoch ?? said.epoch,
  })
  vi.doMock('#coordinator/core/agent-news.ts', async (load) => {
    const real = await load<typeof import('#coordinator/core/agent-news.ts')>()
    const seeVmEvent: typeof real.seeVmEvent = (step, node, event) =>
      real.seeVmEvent(step, node, asOfNow(step, event))
    return { ...real, seeVmEvent }
  })
  vi.doMock('#coordinator/core/reports.ts', async (load) => {
    const real = await load<typeof import('#coordinator/core/reports.ts')>()
    const takeReports: typeof real.takeReports = (step, node, reports, isHello) =>
      real.takeReports(
        step,
        node,
        reports.map((report) => asOfNow(step, report)),
        isHello,
      )
    const hearReports: typeof real.hearReports = (step, node, reports) =>
      takeReports(step, node, reports, false)
    return { ...real, takeReports, hearReports }
  })
  expect((await foundAt({ from: 100 }))?.why).toMatch(/took a stale|under epoch/)
})
