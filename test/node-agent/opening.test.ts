// A copy that is taken away while its machine is being made, by the coordinator or for a newer
// one: nothing may be filled into RAM that another VM has by then, and nothing is left behind.

import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { MemoryLog, VirtualClock } from '#env/memory.ts'
import { sha256 } from '#env/real/digest.ts'
import { realZstd } from '#env/real/zstd.ts'
import { Consoles } from '#node-agent/consoles.ts'
import { type HeldVm, HeldVms } from '#node-agent/held-vms.ts'
import { newPace } from '#node-agent/migration/pace.ts'
import { type MigrationPorts, Migrations } from '#node-agent/migrations.ts'
import { Replication } from '#node-agent/replication/replication.ts'
import { Trail } from '#node-agent/tracing/trail.ts'
import type { Vmm } from '#node-agent/vmm.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { asMigrationId, asNodeId } from '#proto/ids.ts'
import {
  DestinationMessage,
  type ReplicaOffer,
  type SourceMessage,
  type Welcome,
} from '#proto/messages.ts'
import { protocolVersion } from '#proto/units.ts'
import { decodeControl, encodeControl, type MessageLink } from '#proto/wire.ts'
import { vmOrder } from './coordinator-double.ts'
import { planOf } from './migration/two-ends.ts'

const capacity = { cores: 1, mipsPerCore: 0, memoryMib: 64 }
const hello: SourceMessage = {
  ...{ t: 'hello', protocolVersion, role: 'peer', nodeId: asNodeId('a'), incarnation: 'i', pid: 1 },
  ...{ token: 't', peerAddress: 'ws://a', capacity, vms: [] },
}
const welcome: Welcome = {
  ...{ t: 'welcome', protocolVersion, clusterId: 'c', leaseMs: 1000, heartbeatMs: 250 },
}

/** A node that makes machines as slowly as the test says, and a peer that speaks to it. */
function node() {
  const vms = new HeldVms(64)
  const described = Promise.withResolvers<[]>()
  const gone = new Set<HeldVm>()
  const machine = { pageCount: 8 * 256 }
  const mustHave = (vm: HeldVm) => {
    if (gone.has(vm)) throw new FaultError(fault('unknown-vm', 'it was stopped meanwhile'))
    return machine
  }
  const double = {
    openCopy: async () => machine,
    describe: () => described.promise,
    capture: async () => [],
    memoryOf: (vm: HeldVm) => (gone.has(vm) ? undefined : machine),
    mustHave,
  }
  const vmm = double as unknown as Vmm
  const none = () => undefined
  const ports = { ...{ vmm, held: () => undefined, send: none, hasRoom: () => true } }
  const consoles = new Consoles(ports)
  const [clock, log] = [new VirtualClock(), new MemoryLog()]
  const shared = { clock, log, zstd: realZstd, vmm, consoles, nodePace: newPace(0, 0) }
  const reach = { connect: async () => Promise.reject(new Error('nobody')), hello: () => hello }
  const replication = new Replication({
    ...{ ...shared, ...reach, nodeId: 'b', frames: none, mayLaunch: none },
    ...{ changed: none, diskFailed: none },
  })
  const migrations = new Migrations({
    ...{ ...shared, ...reach, digest: sha256, token: 't', vms, trail: new Trail({ clock, log }) },
    ...{ mipsBefore: none, welcome: () => welcome, mayLaunch: none, desk: none, progress: none },
    ...{ event: none, drop: none, ended: none },
    admit: ({ vms: offered, migrationId }) => ({
      admitted: offered.map((vm) => vms.becomeIncoming(vm, migrationId)),
    }),
    admitReplica: ({ vm, migrationId }) => ({ vm: vms.becomeReplica(vm, migrationId) }),
    openReplica: (offer, vm, link) => replication.open(offer, vm, link),
    trunk: (() => undefined) as unknown as MigrationPorts['trunk'],
  })
  const link = new PeerLink()
  migrations.take(link)
  link.hear(hello)
  const destroy = () => {
    for (const vm of vms.all()) {
      gone.add(vm)
      vms.forget(vm)
    }
  }
  return { migrations, replication, link, described, destroy }
}

type Closed = Parameters<MessageLink['onClose']>[0]

class PeerLink implements MessageLink {
  readonly peer = 'a'
  readonly bufferedBytes = 0
  readonly answers: string[] = []
  hear: (message: SourceMessage) => void = () => undefined
  #closed: Closed = () => undefined

  send(bytes: Uint8Array): void {
    const decoded = decodeControl(bytes, DestinationMessage)
    if ('message' in decoded) this.answers.push(decoded.message.t)
  }

  drained = async () => undefined
  onMessage(fn: (bytes: Uint8Array) => void): void {
    this.hear = (message) => fn(encodeControl(message))
  }

  onClose(fn: Closed): void {
    this.#closed = fn
  }

  close(reason: string): void {
    this.answers.push(`close ${reason}`)
    this.#closed({ by: 'local', reason })
  }
}

const machine = { isa: [], timebaseHz: 10_000_000, sections: [] }
const replicaOffer: ReplicaOffer = {
  ...{ t: 'replica-offer', migrationId: asMigrationId('r1'), sourceNodeId: asNodeId('a'), machine },
  ...{ vm: vmOrder('vm1', 1, { memoryMib: 8 }), pageCount: 8 * 256, everyMs: 100, leaseMs: 400 },
}

test.each([
  ['a VM that arrives', planOf('migrate').offer],
  ['a replica', replicaOffer],
])('%s is refused when it was taken away meanwhile', async (_, offer) => {
  const { migrations, replication, link, described, destroy } = node()
  link.hear(offer)
  await setImmediate()
  destroy()
  described.resolve([])
  await setImmediate()
  expect(link.answers).toEqual(['welcome', 'refuse', 'close unknown-vm'])
  expect(migrations.underWay).toBe(0)
  expect(replication.underWay).toBe(0)
})

test.each([
  ['a VM that arrives', planOf('migrate').offer],
  ['a replica', replicaOffer],
])('%s is taken when it was not', async (_, offer) => {
  const { link, described } = node()
  link.hear(offer)
  await setImmediate()
  described.resolve([])
  await setImmediate()
  expect(link.answers).toEqual(['welcome', 'accept'])
})
