// Our own pre-copy as a contender: two agent processes on this machine, and of a coordinator only
// what commands them. Not here: what is compared (../migration.ts). Times in ms, sizes in MiB.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { asEpoch, asMigrationId, asVmId } from '#proto/ids.ts'
import type { MigrationParams, MigrationRecord } from '#proto/messages.ts'
import type { SnapshotMeasured } from '#proto/snapshots.ts'
import { type AgentProcess, startAgent } from '../../test/node-agent/agent-process.ts'
import {
  CoordinatorDouble,
  eventually,
  params,
  vmOrder,
} from '../../test/node-agent/coordinator-double.ts'
import type { GuestToMove, Moved } from './moved.ts'

const minutes = 60_000

export class AgentPair {
  readonly #coordinator = new CoordinatorDouble()
  readonly agentsX: AgentProcess[] = []
  #vms = 0

  static async start(folder: string): Promise<AgentPair> {
    const pair = new AgentPair()
    pair.#coordinator.leaseMs = 10 * minutes
    const address = await pair.#coordinator.start()
    const disks = mkdtempSync(join(folder, 'disks-'))
    for (const node of ['a', 'b']) pair.agentsX.push(await startAgent(node, address, disks))
    await eventually('two nodes', () => pair.#coordinator.nodes.size === 2)
    return pair
  }

  async end(): Promise<void> {
    for (const agent of this.agentsX) await agent.end()
    await this.#coordinator.stop()
  }

  /** Where the other node takes VMs. */
  get address(): string {
    return this.#coordinator.node('b').peerAddress
  }

  /** A fresh VM; from the one node to the other, and gone. */
  async move(guest: GuestToMove, given: Partial<MigrationParams>): Promise<Moved> {
    const name = `vm${++this.#vms}`
    await this.#boot(name, guest)
    const before = await this.#ask('a', name, 1)
    const record = await this.#migrate(name, given)
    this.#coordinator.listen('b', name, 2)
    const after = await this.#ask('b', name, 2)
    await this.#stop('b', name, 2)
    return { ...toldBy(record), ...guest.seen(before, after) }
  }

  /**
   * The same, told by its whole record: what needs no peer to compare with. `address`: of a road to
   * the other node.
   */
  async record(
    guest: GuestToMove,
    given: Partial<MigrationParams>,
    address = this.address,
  ): Promise<MigrationRecord> {
    const name = `vm${++this.#vms}`
    await this.#boot(name, guest)
    const record = await this.#migrate(name, given, address)
    await this.#stop('b', name, 2)
    return record
  }

  /** Two clones of one guest to the other node, one after the other. */
  async siblings(guest: GuestToMove): Promise<readonly [MigrationRecord, MigrationRecord]> {
    const name = `vm${++this.#vms}`
    await this.#boot(name, guest)
    const first = await this.#clone(guest, name, `${name}-1`, 2, [])
    const second = await this.#clone(guest, name, `${name}-2`, 3, [`${name}-1`])
    await this.#stop('b', `${name}-1`, 2)
    await this.#stop('b', `${name}-2`, 3)
    await this.#stop('a', name, 1)
    return [first, second]
  }

  /** Of a running guest: how long it stood still, how much was written, and in which time. */
  async snapshot(guest: GuestToMove): Promise<SnapshotMeasured> {
    const name = `vm${++this.#vms}`
    await this.#boot(name, guest)
    const { snapshot } = await this.#command('a', {
      ...{ t: 'take-snapshot', vmId: asVmId(name), epoch: asEpoch(1), name: 'bench' },
      disk: { sizeBytes: 0, layers: [] },
    })
    await this.#stop('a', name, 1)
    if (!snapshot) throw new Error('the snapshot was not measured')
    return snapshot.measured
  }

  async #boot(name: string, guest: GuestToMove): Promise<void> {
    const { args, memoryMib } = guest
    await this.#command('a', { t: 'start', ...vmOrder(name, 1, { args, memoryMib }) })
    this.#coordinator.listen('a', name, 1)
    await this.#hear(name, 'dirty writes')
    await guest.settle()
  }

  async #stop(node: string, name: string, epoch: number): Promise<void> {
    await this.#command(node, { t: 'stop', vmId: asVmId(name), epoch: asEpoch(epoch) })
  }

  async #clone(
    { args, memoryMib }: GuestToMove,
    parent: string,
    name: string,
    epoch: number,
    kin: readonly string[],
  ): Promise<MigrationRecord> {
    const { nodeId, peerAddress } = this.#coordinator.node('b')
    const { record } = await this.#command('a', {
      ...{ t: 'clone', vmId: asVmId(parent), epoch: asEpoch(1) },
      migrationId: asMigrationId(name),
      destination: { nodeId, address: peerAddress },
      ...(kin.length > 0 ? { kin: kin.map(asVmId) } : {}),
      parentDisk: { sizeBytes: 0, layers: [] },
      clones: [vmOrder(name, epoch, { args, memoryMib })],
      // The first one whole: what a full copy costs. The other where one of its family is.
      params: params({ independent: kin.length === 0 }),
    })
    if (!record) throw new Error('the clone has left no record')
    return record
  }

  async #migrate(
    name: string,
    given: Partial<MigrationParams>,
    address = this.address,
  ): Promise<MigrationRecord> {
    const result = await this.#command('a', {
      t: 'migrate',
      vmId: asVmId(name),
      epoch: asEpoch(1),
      nextEpoch: asEpoch(2),
      migrationId: asMigrationId(name),
      destination: { nodeId: this.#coordinator.node('b').nodeId, address },
      params: params(given),
    })
    if (!result.record) throw new Error('the migration has left no record')
    return result.record
  }

  async #command(node: string, message: Parameters<CoordinatorDouble['command']>[1]) {
    const result = await this.#coordinator.command(node, message)
    if (result.fault) throw new Error(`${message.t}: ${result.fault.message}`)
    return result
  }

  async #ask(node: string, name: string, epoch: number): Promise<string> {
    this.#coordinator.type(node, name, epoch, `${node}-1 stats\n`)
    return await this.#hear(name, `${node}-1 stats`)
  }

  async #hear(name: string, start: string): Promise<string> {
    const heard = () => {
      const said = this.#coordinator.consoles.get(name) ?? ''
      // What comes last may be the beginning of a line.
      return said
        .split('\n')
        .slice(0, -1)
        .find((line) => line.startsWith(start))
    }
    return await eventually(`${name} to say "${start}"`, heard, minutes)
  }
}

function toldBy({ totalMs, downtimeMs, bytes, rounds }: MigrationRecord) {
  return { totalMs, downtimeMs, bytes, rounds: rounds.length }
}
